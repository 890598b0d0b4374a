/** MapLibre GL, fetched only where a map is shown, with its worker from this host. */
import 'maplibre-gl/dist/maplibre-gl.css'
import { Map as MapLibre, prewarm, setWorkerUrl, type MapOptions } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import { credentials } from '../api/client'
import { farthest } from './foresee'
import { hatchTile, markPicture, type Hatch } from './hatch'
import { overlayHatches } from './overlays'
import { hatchId, lookHatches, marks } from './style'

setWorkerUrl(workerUrl)
prewarm() // its worker starts while the style is on its way, and stays for the next map

/** The system's fonts, in the order of the page's own. */
const fonts = '"Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif'

/** Whether this browser can draw a map at all. */
export function drawable(): boolean {
  return (able ||= tried())
}
let able = false
function tried(): boolean {
  const context = document.createElement('canvas').getContext('webgl2')
  context?.getExtension('WEBGL_lose_context')?.loseContext()
  return context !== null
}

const words = {
  'Map.Title': '地图。方向键平移，加减键缩放，回车查看十字中心处的地块 · Map: arrow keys pan, + and − zoom, Enter picks at the cross',
  'CooperativeGesturesHandler.WindowsHelpText': '按住 Ctrl 滚动以缩放地图 · Ctrl + scroll zooms the map',
  'CooperativeGesturesHandler.MacHelpText': '按住 ⌘ 滚动以缩放地图 · ⌘ + scroll zooms the map',
  'CooperativeGesturesHandler.MobileHelpText': '用两指移动地图 · Move the map with two fingers',
}

/** A map with what all of ours have in common: north up, our tiles with the caller's key and role, the system's fonts. */
export function createMap(options: Pick<MapOptions, 'container' | 'style'> & Partial<MapOptions>): MapLibre {
  const map = new MapLibre({
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    rollEnabled: false,
    maxPitch: 0,
    minZoom: farthest,
    maxZoom: 21,
    renderWorldCopies: false,
    localIdeographFontFamily: fonts,
    locale: words,
    transformRequest: (url) => (new URL(url, location.origin).origin === location.origin ? { url, headers: credentials() } : { url }),
    ...options,
  })
  map.touchZoomRotate.disableRotation()
  map.keyboard.disableRotation()
  return map
}

/** Gives the map its marks and the hatches of the layers that it shows. */
export function addPictures(map: MapLibre, layers: { hatch: Hatch; colour: string }[]): void {
  for (const one of [...layers, ...overlayHatches, ...lookHatches]) {
    if (!map.hasImage(hatchId(one))) map.addImage(hatchId(one), hatchTile(one.hatch, one.colour))
  }
  for (const { id, mark, colour, ground } of marks()) {
    const picture = map.hasImage(id) ? undefined : markPicture(mark, colour, ground)
    if (picture) map.addImage(id, picture, { pixelRatio: 2 })
  }
}
