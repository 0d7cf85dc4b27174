// Documents and code say the same, both ways.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { runInThisContext } from 'node:vm'
import t from 'tap'
import * as errors from '../lib/errors.ts'
import { channels, defaultInheritHeaders, defaultProtectedHeaders, sequential } from '../lib/index.ts'
import { resolveOptions } from '../lib/options.ts'
import { resolveRespondAsync } from '../lib/respond-async/options.ts'
import { names } from './plugins/worker-app.ts'

const root = new URL('../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const pages = [
  'README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'benchmarks/README.md',
  ...readdirSync(new URL('docs', root)).map(name => `docs/${name}`)
]

/** The rows of all tables of a text whose first cell is one piece of code. */
function rows (text: string): string[][] {
  return [...text.matchAll(/^\| (`[^`]*` \|.*) \|$/gm)].map(match => match[1]!.split(' | ').map(cell => cell.trim()))
}

t.test('every error is in docs/errors.md, with its status, and no other', async t => {
  const documented = rows(read('docs/errors.md')).map(([code, status]) => `${code!.replaceAll('`', '')} ${status}`)
  const existing = Object.values(errors).map(Class => {
    const { code, statusCode } = new (Class as new (...args: unknown[]) => { code: string, statusCode: number })()
    return `${code} ${statusCode}`
  })
  t.strictSame(documented.sort(), existing.sort())
})

t.test('every option is in docs/options.md and in the README, with its default, and no other', async t => {
  const options = resolveOptions({})
  const { executor, allow, inheritHeaders, protectedHeaders, https, transaction, respondAsync, ...defaults } = options
  const names = Object.keys(options).sort()
  for (const path of ['docs/options.md', 'README.md']) {
    const documented = new Map(rows(read(path)).map(([name, value]) => [name!.replaceAll('`', ''), value!.replaceAll('`', '')]))
    t.strictSame([...documented.keys()].sort(), names, path)
    for (const [name, value] of Object.entries(defaults)) {
      // The defaults are written as code, and so they can be evaluated.
      t.strictSame(runInThisContext(`(${documented.get(name)!})`), value, `${path}: ${name}`)
    }
    t.equal(documented.get('executor'), `${executor.name}()`)
    t.equal(executor.name, sequential().name)
  }
})

t.test('every option of respondAsync is in docs/respond-async.md, with its default, and no other', async t => {
  const { owner, ...defaults } = resolveRespondAsync({})
  const documented = new Map(rows(read('docs/respond-async.md')).map(([name, value]) =>
    [name!.replaceAll('`', ''), value!.replaceAll('`', '')]))
  for (const [name, value] of Object.entries(defaults)) t.equal(runInThisContext(documented.get(name)!), value, name)
  const existing = [...read('lib/respond-async/options.ts').matchAll(/\*\/\n {2}(\w+)\??: /g)].map(match => match[1])
  t.strictSame([...documented.keys()].filter(name => /^\w+$/.test(name)), existing)
})

t.test('every option has a doc comment', async t => {
  const source = read('lib/options.ts')
  for (const name of Object.keys(resolveOptions({}))) t.match(source, new RegExp(`\\*/\n  ${name}\\?: `), name)
})

t.test('every option of processPool() is in docs/process-pool.md, and no other', async t => {
  const documented = rows(read('docs/process-pool.md')).map(([name]) => name!.replaceAll('`', ''))
  const existing = [...read('lib/executors/process-pool.ts').matchAll(/\*\/\n {2}(\w+)\??: /g)].map(match => match[1])
  t.strictSame(documented, existing)
})

t.test('every option of bullmq() and startWorker() is in docs/bullmq.md, and no other', async t => {
  const sections = read('docs/bullmq.md').split(/^\| `(?=bullmq\(\)|startWorker\(\))/m)
  const sources = ['lib/executors/bullmq.ts', 'lib/executors/bullmq/start-worker.ts']
  for (const [index, source] of sources.entries()) {
    const documented = rows(sections[index + 1]!.split('\n\n')[0]!).map(([name]) => name!.replaceAll('`', ''))
    const existing = [...read(source).matchAll(/\*\/\n {2}(\w+)\??: /g)].map(match => match[1])
    t.strictSame(documented, existing)
  }
})

t.test('every option of remote() is in docs/remote.md, and no other', async t => {
  const [, section] = read('docs/remote.md').split('## Options\n')
  const documented = rows(section!.split('\n## ')[0]!).map(([name]) => name!.replaceAll('`', ''))
  const existing = [...read('lib/executors/remote.ts').matchAll(/\*\/\n {2}(\w+)\??: /g)].map(match => match[1])
  t.strictSame(documented, existing)
})

t.test('the lists of headers are those of the code', async t => {
  const list = (heading: string) => {
    const section = read('docs/options.md').split(`## ${heading}\n\n`)[1]!.split('\n\n')[0]!
    return [...section.matchAll(/`([^`]+)`/g)].map(match => match[1])
  }
  t.strictSame(list('inheritHeaders'), defaultInheritHeaders)
  t.strictSame(list('protectedHeaders'), defaultProtectedHeaders)
})

t.test('every channel is in docs/diagnostics.md, and no other', async t => {
  const documented = [...read('docs/diagnostics.md').matchAll(/^### `(.*)`$/gm)].map(match => match[1])
  const existing = Object.values(channels).map(channel => String(channel.start.name).replace(/^tracing:|:start$/g, ''))
  t.strictSame(documented.sort(), existing.sort())
})

t.test('every plugin that is tested is in docs/compatibility.md, with its version, and no other', async t => {
  const documented = rows(read('docs/compatibility.md')).map(([name, version]) => `${name!.replaceAll('`', '')} ${version}`)
  t.strictSame(documented, names.map(name => {
    const { version } = JSON.parse(read(`node_modules/@fastify/${name}/package.json`))
    return `@fastify/${name} ${version}`
  }))
})

t.test('every link leads to a file, and to a heading of it', async t => {
  for (const page of pages) {
    for (const [, link] of read(page).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(link!)) continue
      const [path, heading] = link!.split('#')
      const target = path === '' ? new URL(page, root) : new URL(path!, new URL(page, root))
      t.ok(existsSync(target), `${page}: ${link}`)
      if (heading !== undefined) {
        const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].map(match => slug(match[1]!))
        t.ok(headings.includes(heading), `${page}: ${link}`)
      }
    }
  }
})

t.test('the README has at most 250 lines', async t => {
  t.ok(read('README.md').split('\n').length <= 250)
})

function slug (heading: string): string {
  return heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-')
}
