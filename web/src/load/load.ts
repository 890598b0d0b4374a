/** Loading what was uploaded, and following jobs of the service to their end. */
import { onScopeDispose, ref, shallowRef } from 'vue'
import { answer, api, Fault, faultOf, type Schemas } from '../api/client'

export type Job = Schemas['Job']
export type Dataset = Schemas['Dataset']

/** Waits for a job, telling how far it is; answers with the job as it ended. */
export async function follow(county: string, id: string, signal: AbortSignal, told: (job: Job) => void): Promise<Job> {
  let lost = 0
  for (;;) {
    try {
      const job = await answer(api.GET('/counties/{county}/jobs/{job_id}', { params: { path: { county, job_id: id } }, signal }))
      lost = 0
      told(job)
      if (job.status === 'done' || job.status === 'failed') return job
    } catch (err) {
      // The job goes on without us: a short cut is waited out.
      if (signal.aborted || faultOf(err).status !== 0 || ++lost > 5) throw err
    }
    await new Promise((done) => setTimeout(done, 400 + 400 * lost))
    if (signal.aborted) throw new DOMException('', 'AbortError')
  }
}

/** What a problem of a dataset or a job says: what is wrong, and what to do. */
export const faultOfProblem = (p: Schemas['Problem']) => new Fault(p.title, [p.detail, p.hint].filter(Boolean).join(' '), p.status, p.errors ?? [])

/** Whether a county may have none of a kind: a constraint, or what is declared; never its survey, townships, slopes or tables. */
export const mayBeEmpty = (kind: string) => !['DLTB', 'XZQ', 'PDT', 'KCXS', 'DEM'].includes(kind)

/** Why a job failed. One that left no word is known by the list of jobs. */
export const problemOf = (j: Job): Schemas['Problem'] => j.problem ?? { type: 'about:blank', title: '任务没有完成 · The job failed', status: 500, detail: '请在“管理 · 任务”看它的状态，再试一次。 See the list of jobs, then try again.' }

/** The problem of the newest screening that failed after a day; undefined where the newest one since did not. */
export function failedSince(jobs: readonly Job[], day: string | undefined): Schemas['Problem'] | undefined {
  const at = (j: Job) => +new Date(j.created_at ?? 0)
  const newest = day === undefined ? undefined : jobs.filter((j) => j.kind === 'screen' && at(j) >= +new Date(day)).sort((a, b) => at(b) - at(a))[0]
  return newest?.status === 'failed' ? problemOf(newest) : undefined
}

export function useLoad(county: () => string) {
  const job = shallowRef<Job>()
  const dataset = shallowRef<Dataset>()
  const fault = shallowRef<Fault>()
  const busy = ref(false)
  let running: AbortController | undefined
  let last: Schemas['DatasetInput'] | undefined

  async function start(input: Schemas['DatasetInput']) {
    running?.abort()
    const mine = (running = new AbortController())
    last = input
    busy.value = true
    job.value = undefined
    dataset.value = undefined
    fault.value = undefined
    try {
      const taken = await answer(api.POST('/counties/{county}/datasets', { params: { path: { county: county() } }, body: input, signal: mine.signal }))
      job.value = taken.job
      const end = await follow(county(), taken.job.job_id, mine.signal, (j) => (job.value = j))
      dataset.value = await answer(api.GET('/counties/{county}/datasets/{dataset_id}', { params: { path: { county: county(), dataset_id: taken.dataset.dataset_id } }, signal: mine.signal }))
      // A file that was refused has its report; a load that failed has only the reason.
      if (dataset.value.status === 'failed' || (end.status === 'failed' && !['refused', 'committed'].includes(dataset.value.status))) fault.value = faultOfProblem(dataset.value.problem ?? problemOf(end))
    } catch (err) {
      if (mine.signal.aborted) return
      fault.value = faultOf(err)
    } finally {
      if (running === mine) busy.value = false
    }
  }
  const again = () => {
    if (last) void start(last)
  }
  onScopeDispose(() => running?.abort())
  return { job, dataset, fault, busy, start, again }
}

export type Loading = ReturnType<typeof useLoad>

/** Reads all pages of a list, at most so many rows. */
export async function allPages<T>(most: number, page: (after: string | undefined) => Promise<{ items: T[]; next?: string }>, told: (read: number) => void = () => {}): Promise<{ rows: T[]; more: boolean }> {
  const rows: T[] = []
  let after: string | undefined
  do {
    const got = await page(after)
    rows.push(...got.items)
    after = got.next
    told(rows.length)
  } while (after !== undefined && rows.length < most)
  return { rows, more: after !== undefined }
}
