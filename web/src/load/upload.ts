/**
 * 可续传的上传。A file goes to the service in parts (tus 1.0, docs/intake.md): after a
 * cut it goes on from what has arrived, by itself where the cut is short; after a reload
 * the same file is chosen again and goes on from there too.
 */
import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { answer, api, credentials, Fault, faultOf, ofProblem, refused, type Schemas } from '../api/client'

export type Unfinished = Schemas['ResumableUpload']
export type Phase = 'idle' | 'reading' | 'sending' | 'waiting' | 'paused' | 'done'

const version = '1.0.0'
/** Bytes of one part: a cut loses no more than what is under way. */
const part = 4 << 20
/** How often a part is tried again by itself before a person is asked. */
const patience = 5

/** What the service has of an upload. */
interface Standing {
  offset: number
  complete: boolean
}

const base64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)))

/** SHA-256 in hex; "" where the browser has no such thing, as on pages that are not secure. */
async function digestOf(file: File): Promise<string> {
  if (!globalThis.crypto?.subtle) return ''
  const sum = await crypto.subtle.digest('SHA-256', await file.arrayBuffer())
  return Array.from(new Uint8Array(sum), (b) => b.toString(16).padStart(2, '0')).join('')
}

/** The unfinished upload that a chosen file is the rest of, if any. */
export function sameAs(file: { name: string; size: number }, sum: string, list: readonly Unfinished[]): Unfinished | undefined {
  return list.find((u) => u.size === file.size && (u.sha256 && sum ? u.sha256 === sum : u.file_name === file.name))
}

function standingOf(header: (name: string) => string | null): Standing {
  return { offset: Number(header('Upload-Offset')), complete: header('Upload-Complete') === '?1' }
}

export function useUpload(county: () => string) {
  const phase = ref<Phase>('idle')
  const file = shallowRef<File>()
  const sent = ref(0)
  const fault = shallowRef<Fault>()
  const uploadId = ref('')
  let sum = ''
  let request: XMLHttpRequest | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let turn = 0 // another file, a pause or an end makes what is under way stop

  const path = () => ({ county: county(), upload_id: uploadId.value })
  const at = () => `/api/v1/counties/${county()}/resumable-uploads/${uploadId.value}`

  function stop() {
    turn++
    request?.abort()
    request = undefined
    clearTimeout(timer)
  }

  /** Sends one part by a request that tells how far it is, as fetch does not. */
  function put(body: Blob, offset: number): Promise<Standing> {
    return new Promise((resolve, reject) => {
      const r = (request = new XMLHttpRequest())
      r.open('PATCH', at())
      for (const [name, value] of Object.entries({ ...credentials(), 'Tus-Resumable': version, 'Upload-Offset': String(offset), 'Content-Type': 'application/offset+octet-stream' })) r.setRequestHeader(name, value)
      r.upload.onprogress = (e) => (sent.value = offset + e.loaded)
      r.onerror = () => reject(new TypeError('network'))
      r.onabort = () => reject(new DOMException('', 'AbortError'))
      r.onload = () => {
        if (r.status === 401) refused.value++
        if (r.status === 204) return resolve(standingOf((name) => r.getResponseHeader(name)))
        let problem: unknown
        try {
          problem = JSON.parse(r.responseText)
        } catch {
          problem = undefined
        }
        reject(ofProblem(problem, r))
      }
      r.send(body)
    })
  }

  async function ask(): Promise<Standing> {
    const { response } = await api.HEAD('/counties/{county}/resumable-uploads/{upload_id}', { params: { path: path(), header: { 'Tus-Resumable': version } } })
    // An answer to HEAD has no words of its own.
    if (response.status === 404) throw new Fault('找不到未传完的文件 · The upload is gone', '可能已过期或被放弃，请重新选择文件上传。 It has expired or was dropped; choose the file again.', 404)
    if (!response.ok) throw ofProblem(undefined, response)
    return standingOf((name) => response.headers.get(name))
  }

  // What may pass by itself: no answer, another request that still writes, a service that is away.
  const passing = (f: Fault) => f.status === 0 || f.status === 423 || f.status >= 500

  async function send() {
    const mine = ++turn
    const chosen = file.value!
    let tries = 0
    let standing: Standing | undefined
    fault.value = undefined
    for (;;) {
      try {
        phase.value = 'sending'
        standing ??= await ask()
        if (mine !== turn) return
        sent.value = standing.offset
        if (!standing.complete) {
          standing = await put(chosen.slice(standing.offset, standing.offset + part), standing.offset)
          if (mine !== turn) return
          sent.value = standing.offset
          tries = 0
        }
        if (standing.complete) {
          phase.value = 'done'
          return
        }
      } catch (err) {
        if (mine !== turn) return
        const f = faultOf(err)
        standing = undefined
        if (!passing(f) || ++tries > patience) {
          fault.value = f
          phase.value = 'paused'
          return
        }
        phase.value = 'waiting'
        await new Promise((done) => (timer = setTimeout(done, 400 * 2 ** tries)))
        if (mine !== turn) return
      }
    }
  }

  /** Begins with a file, or goes on where the same file was left. */
  async function begin(chosen: File, unfinished: readonly Unfinished[]) {
    stop()
    const mine = ++turn
    file.value = chosen
    sent.value = 0
    uploadId.value = ''
    fault.value = undefined
    phase.value = 'reading'
    try {
      sum = await digestOf(chosen)
      if (mine !== turn) return
      const before = sameAs(chosen, sum, unfinished)
      if (before) {
        uploadId.value = before.upload_id
      } else {
        const metadata = `filename ${base64(chosen.name)}${sum ? `,sha256 ${base64(sum)}` : ''}`
        const begun = await answer(api.POST('/counties/{county}/resumable-uploads', { params: { path: { county: county() }, header: { 'Tus-Resumable': version, 'Upload-Length': chosen.size, 'Upload-Metadata': metadata } } }))
        if (mine !== turn) return
        uploadId.value = begun.upload_id
      }
    } catch (err) {
      if (mine !== turn) return
      fault.value = faultOf(err)
      phase.value = 'paused'
      return
    }
    await send()
  }

  function pause() {
    stop()
    phase.value = 'paused'
  }
  /** Goes on; where nothing was begun for want of an answer, begins. */
  function resume() {
    if (uploadId.value) return void send()
    if (file.value) void begin(file.value, [])
  }
  /** Forgets the file here; what has arrived stays with the service until it is dropped or expires. */
  function clear() {
    stop()
    phase.value = 'idle'
    file.value = undefined
    fault.value = undefined
    uploadId.value = ''
  }
  onScopeDispose(stop)
  const share = computed(() => (file.value && file.value.size > 0 ? Math.min(sent.value / file.value.size, 1) : 0))
  return { phase, file, sent, share, fault, uploadId, begin, pause, resume, clear }
}

export type Uploading = ReturnType<typeof useUpload>

/** Drops an unfinished upload. */
export async function drop(county: string, id: string) {
  const { error, response } = await api.DELETE('/counties/{county}/resumable-uploads/{upload_id}', { params: { path: { county, upload_id: id }, header: { 'Tus-Resumable': version } } })
  if (!response.ok && response.status !== 404) throw ofProblem(error, response)
}
