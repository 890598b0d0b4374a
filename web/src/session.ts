/** Who is here, in which role, which counties and years there are, and the townships. */
import { computed, shallowRef, type ComputedRef } from 'vue'
import { actIn, answer, api, Fault, fetchJSON, key, role, type Schemas } from './api/client'
import { ask, type Asked } from './ask'
import { joined } from './joined'

/** 角色。The roles by the names a bureau uses. */
export const roleNames: Record<Schemas['Role'], string> = {
  township_clerk: '乡镇经办',
  township_lead: '乡镇负责人',
  bureau: '自然资源局经办',
  bureau_lead: '自然资源局负责人',
  agriculture: '农业农村部门',
  forestry: '林业部门',
  water: '水利部门',
  environment: '生态环境部门',
  government: '县政府',
  auditor: '审计',
  admin: '系统管理员',
}

/** capacityText is a role as the request header says it. */
export const capacityText = (c: Schemas['Capacity']) => (c.township ? `${c.role}/${c.township}` : c.role)

/** The township that is acted for; "" is the whole county. */
export const ownTownship = computed(() => role.value.split('/')[1] ?? '')

/** What a person does, in words. */
export const capacityName = (c: Schemas['Capacity'], towns: Map<string, Township> | undefined) => `${roleNames[c.role]}${c.township ? ` ${nameOf(towns, c.township)}` : ''}`

// A person with several roles begins in the one of before, or else in the first, and may change.
function takeRole(me: Schemas['Me']) {
  const all = me.roles.map(capacityText)
  if (me.via === 'open') actIn('')
  else if (!all.includes(role.value)) actIn(all[0] ?? '')
}

/** Who is here. */
export function useMe() {
  return ask([], async (signal) => {
    const me = await answer(api.GET('/me', { signal }))
    takeRole(me)
    return me
  }, key)
}

/**
 * logIn takes a key once the service has said whose it is: nothing is ever asked with a
 * key and the role of whoever was here before. A key that is not accepted is a Fault.
 */
export async function logIn(typed: string): Promise<void> {
  const me = await answer(api.GET('/me', { headers: { Authorization: `Bearer ${typed}` } }))
  key.value = typed
  takeRole(me)
}

/** The counties, asked for once it is known in which role; undefined until then. */
export function useCounties(me: Asked<Schemas['Me']>) {
  return ask([role, me.value], async (signal) => (me.value.value ? answer(api.GET('/counties', { signal })) : undefined))
}

/** A county as it was set up. */
export const countyOf = (county: string) => joined(`county ${county}`, () => answer(api.GET('/counties/{county}', { params: { path: { county } } })))

/** The county's screenings, newest first. */
export const screeningsOf = (county: string) => joined(`screenings ${county}`, () => answer(api.GET('/counties/{county}/screenings', { params: { path: { county } } })))

/** The years of which the county has screenings, newest first. */
export function useYears(county: ComputedRef<string>) {
  return ask([county, role], async () => {
    if (!county.value) return []
    const runs = await screeningsOf(county.value)
    return [...new Set(runs.map((run) => run.year))].sort((a, b) => b - a)
  })
}

/** 乡镇。A township of the layer XZQ: its name and its rings in longitude and latitude. */
export interface Township {
  code: string
  name: string
  rings: [number, number][][]
}

interface FeaturePage {
  features: { properties: Record<string, unknown>; geometry: { type: string; coordinates: unknown } | null }[]
  links: { rel: string; href: string }[]
}

/** townshipsOf reads pages of the layer: a township may have several features. */
export function townshipsOf(pages: Pick<FeaturePage, 'features'>[]): Map<string, Township> {
  const all = new Map<string, Township>()
  for (const f of pages.flatMap((page) => page.features)) {
    const code = String(f.properties['XZQDM'] ?? '').slice(0, 9)
    if (code.length !== 9) continue
    const town = all.get(code) ?? { code, name: String(f.properties['XZQMC'] ?? code), rings: [] }
    if (f.geometry?.type === 'MultiPolygon') town.rings.push(...(f.geometry.coordinates as [number, number][][][]).flat())
    if (f.geometry?.type === 'Polygon') town.rings.push(...(f.geometry.coordinates as [number, number][][]))
    all.set(code, town)
  }
  return all
}

/** Those of the county that is looked at, once they are read. */
const read = shallowRef<Map<string, Township>>()

/** 乡镇以名称出现。Who did something is said by the service with the code of their township; people know it by its name. */
export const withTownships = (text: string) => text.replace(/\b\d{9}\b/g, (code) => nameOf(read.value, code))

/** What was read last, or is being read: every page and the frame around it ask for the same. */
let known: { of: string; towns: Promise<Map<string, Township>> } | undefined

/** Outlines for a small map and for boxes: no truer than this, in metres. A county's own have megabytes. */
const outline = 30

async function readTownships(county: string): Promise<Map<string, Township>> {
  const pages: FeaturePage[] = []
  let next: string | undefined = county ? `/ogc/${county}/collections/townships/items?limit=1000&properties=XZQDM,XZQMC&max-allowable-offset=${outline}` : undefined
  while (next) {
    const page = await fetchJSON<FeaturePage>(next).catch((err: unknown) => {
      if (err instanceof Fault && err.status === 404) return undefined // XZQ is not loaded
      throw err
    })
    if (!page) break
    pages.push(page)
    const link: string | undefined = page.links.find((l) => l.rel === 'next')?.href
    next = link ? new URL(link, location.origin).pathname + new URL(link, location.origin).search : undefined
  }
  return townshipsOf(pages)
}

/**
 * The county's townships. A county whose layer XZQ is not loaded has none here:
 * its townships are then shown by their codes. It is read once for a county and a
 * caller, however many ask; a reading that failed is not kept.
 */
export function useTownships(county: ComputedRef<string>) {
  return ask([county, role], () => {
    const of = `${county.value} ${key.value} ${role.value}`
    if (known?.of !== of) {
      const towns = readTownships(county.value)
      known = { of, towns }
      towns.then((all) => {
        if (known?.towns === towns) read.value = all
      }, () => {
        if (known?.towns === towns) known = undefined
      })
    }
    return known!.towns
  })
}

export const nameOf = (towns: Map<string, Township> | undefined, code: string) => towns?.get(code)?.name ?? code
