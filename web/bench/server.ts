/** The service under measurement: started anew for a first view, with what it and its database take of the processor. */
import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'

const need = (name: string) => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run make bench-dashboard`)
  return value
}

/** Seconds of processor time; undefined where the system does not tell. */
export interface Used {
  service: number
  database: number
}

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const s = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
      const at = s.address()
      s.close(() => (typeof at === 'object' && at ? resolve(at.port) : reject(new Error('no port'))))
    })
  })

/** Fields of /proc/PID/stat from the state on (proc(5)): 1 is the parent, 11 and 12 its time, 13 and 14 that of children that ended. */
function statOf(pid: number | string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
const ticks = (stat: string[], ...fields: number[]) => fields.reduce((sum, f) => sum + Number(stat[f] ?? 0), 0) / 100

export class Server {
  url = ''
  private child: ChildProcess | undefined

  /** Begins with empty caches of its own, unless it runs; the database's files may be in the system's. */
  async start(): Promise<void> {
    if (this.child) return
    if (process.env['GENGHENG_URL']) {
      this.url = process.env['GENGHENG_URL'] // one that runs already: its caches are as they are
      return
    }
    const port = await freePort()
    const args = ['demo', '--reuse', '--parcels', need('GENGHENG_PARCELS'), '--port', String(port), '--out', need('GENGHENG_OUT')]
    const child = (this.child = spawn(need('GENGHENG_BIN'), args, { stdio: ['ignore', 'pipe', 'inherit'] }))
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`the service ended with ${code}: ${said}`)))
      child.stdout!.on('data', (b: Buffer) => {
        said += b.toString()
        if (said.includes('still serving')) resolve()
      })
    })
    this.url = `http://127.0.0.1:${port}`
  }

  async stop(): Promise<void> {
    const child = this.child
    this.child = undefined
    if (!child || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGINT')
    await ended
  }

  /** Forgets what the service keeps of versions from one start to the next, as if the county had just been loaded. */
  forget() {
    if (!process.env['GENGHENG_URL']) rmSync(`${need('GENGHENG_DATA')}/overviews`, { recursive: true, force: true })
  }

  used(): Used | undefined {
    const own = this.child?.pid === undefined ? undefined : statOf(this.child.pid)
    if (!own) return undefined
    let database = 0
    let postmaster: string | undefined
    try {
      postmaster = readFileSync(`${need('GENGHENG_DATA')}/pg/postmaster.pid`, 'utf8').split('\n')[0]
    } catch {
      return undefined
    }
    for (const pid of postmaster ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : []) {
      const stat = statOf(pid)
      if (stat && stat[1] === postmaster) database += ticks(stat, 11, 12)
      else if (stat && pid === postmaster) database += ticks(stat, 11, 12, 13, 14)
    }
    return { service: ticks(own, 11, 12), database }
  }
}
