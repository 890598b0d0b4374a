/**
 * 勾绘。Points set on the map, one by one: by a click, or by Enter at the cross, which
 * both come as picks of the map. A double click or a button ends the sketch.
 */
import type { FeatureCollection } from 'geojson'
import { computed, ref, shallowRef } from 'vue'
import type { LonLat } from './coordinates'
import type { Overlay } from './overlays'

/** A line to be measured, an area to be measured, a parcel to be tried. */
export type SketchMode = 'line' | 'area' | 'parcel'

export function useSketch() {
  const mode = ref<SketchMode>()
  const points = shallowRef<LonLat[]>([])
  const done = ref(false)
  const enough = computed(() => points.value.length >= (mode.value === 'line' ? 2 : 3))

  function start(m: SketchMode) {
    mode.value = m
    points.value = []
    done.value = false
  }
  /** The second click of a double click sets no point of its own. */
  function add(p: LonLat) {
    const last = points.value.at(-1)
    if (!mode.value || done.value || (last && last[0] === p[0] && last[1] === p[1])) return
    points.value = [...points.value, p]
  }
  const undo = () => (points.value = points.value.slice(0, -1))
  function finish() {
    if (enough.value) done.value = true
    return done.value
  }
  function clear() {
    mode.value = undefined
    points.value = []
    done.value = false
  }
  const overlay = computed<Overlay | undefined>(() => (points.value.length ? { id: 'sketch', kind: 'sketch', data: drawing(points.value, mode.value !== 'line', done.value) } : undefined))
  return { mode, points, done, enough, overlay, start, add, undo, finish, clear }
}

/** What is drawn of a sketch: its line or area, and the points that are set. */
export function drawing(points: readonly LonLat[], closed: boolean, done: boolean): FeatureCollection {
  const features: FeatureCollection['features'] = []
  const add = (geometry: FeatureCollection['features'][number]['geometry']) => features.push({ type: 'Feature', properties: {}, geometry })
  if (closed && points.length > 2) add({ type: 'Polygon', coordinates: [[...points, points[0]!]] })
  else if (points.length > 1) add({ type: 'LineString', coordinates: [...points] })
  if (!done) for (const p of points) add({ type: 'Point', coordinates: p })
  return { type: 'FeatureCollection', features }
}
