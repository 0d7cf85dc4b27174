// The package as npm would publish it, and the example as a new user starts it.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { findRedis } from './fixtures/redis.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const { name, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
// Without what tap puts there for its own processes.
const env = { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0' }
const noRedis = findRedis() === undefined && 'SKIPPED: there is no redis-server on PATH'

// The test builds in a copy: other tests must not meet a half-built package.
const source = mkdtempSync(join(tmpdir(), 'source-'))
const project = mkdtempSync(join(tmpdir(), 'project-'))
t.teardown(() => { for (const folder of [source, project]) rmSync(folder, { recursive: true }) })
for (const path of ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'lib', 'examples', 'README.md', 'LICENSE']) {
  cpSync(join(root, path), join(source, path), { recursive: true })
}
symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'))
const { stdout: packed } = await run('npm', ['pack', '--json'], { cwd: source, env })
const [{ filename, files }] = JSON.parse(packed.slice(packed.indexOf('[\n')))

t.test('the package has the compiled code, its source and nothing else', async t => {
  const modules = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  const expected = ['LICENSE', 'README.md', 'package.json']
  for (const module of modules) {
    const compiled = `dist/${module.slice(0, -3)}`
    expected.push(`lib/${module}`, ...['.js', '.js.map', '.d.ts', '.d.ts.map'].map(suffix => compiled + suffix))
  }
  t.strictSame(files.map(({ path }: { path: string }) => path).sort(), expected.sort())
})

t.test('an installed package works with its declared dependencies, by import and by require', async t => {
  const installed = join(project, 'node_modules', name)
  mkdirSync(installed, { recursive: true })
  await run('tar', ['-xzf', join(source, filename), '-C', installed, '--strip-components=1'])
  for (const dependency of ['fastify', ...Object.keys(dependencies)]) {
    mkdirSync(dirname(join(project, 'node_modules', dependency)), { recursive: true })
    symlinkSync(join(root, 'node_modules', dependency), join(project, 'node_modules', dependency))
  }
  const main = `
    const app = Fastify()
    app.get('/', async () => 'works')
    app.register(batch.default)
    app.inject({ method: 'POST', url: '/batch', payload: { batch: [{ method: 'get', url: '/' }] } })
      .then(({ statusCode, body }) => console.log(statusCode, body.includes('works'), typeof batch.concurrent))`
  const ways = [
    ['module', `import Fastify from 'fastify'; import * as batch from '${name}'; ${main}`],
    ['commonjs', `const Fastify = require('fastify'); const batch = require('${name}'); ${main}`]
  ]
  for (const [type, code] of ways) {
    const { stdout } = await run(process.execPath, [`--input-type=${type}`, '-e', code!], { cwd: project, env })
    t.equal(stdout, '200 true function\n', type!)
  }

  const subPath = [
    ['module', `import { remote } from '${name}/remote'`], ['commonjs', `const { remote } = require('${name}/remote')`]
  ]
  const runIn = (type: string, code: string) => run(process.execPath, [`--input-type=${type}`, '-e', code], { cwd: project, env })
  for (const [type, code] of subPath) {
    await t.rejects(runIn(type!, code!), /undici/, `${type}: undici is missing, and is named`)
  }
  symlinkSync(join(root, 'node_modules/undici'), join(project, 'node_modules/undici'))
  for (const [type, code] of subPath) {
    const { stdout } = await runIn(type!, `${code}; console.log(remote({ upstream: 'http://127.0.0.1:1' }).name)`)
    t.equal(stdout, 'remote\n', type!)
  }
})

t.test('the process pool of an installed package works', async t => {
  const build = 'export default () => { const app = Fastify(); app.get("/", async () => process.ppid); return app }'
  writeFileSync(join(project, 'app.mjs'), `import Fastify from 'fastify'; ${build}`)
  writeFileSync(join(project, 'server.mjs'), `
    import Fastify from 'fastify'
    import batch, { processPool } from '${name}'
    const app = Fastify()
    app.register(batch, { executor: processPool({ app: 'app.mjs', workers: 1 }) })
    const response = await app.inject({ method: 'POST', url: '/batch', payload: { batch: [{ method: 'get', url: '/' }] } })
    console.log(response.json().batch[0].body === String(process.pid))
    await app.close()`)
  t.equal((await run(process.execPath, ['server.mjs'], { cwd: project, env })).stdout, 'true\n')
})

t.test('npm start answers the batches of the README, and stays up', async t => {
  const server = spawn(process.execPath, ['examples/server.js'], { cwd: source, env })
  t.teardown(() => { server.kill() })
  let output = ''
  for await (const chunk of server.stdout.setEncoding('utf8')) {
    output += chunk
    if (output.includes('Ctrl-C')) break
  }
  t.equal(server.exitCode, null)
  const answers = output.replace(/\d+\.?\d* s\b/g, 'N s').replace(/"requestId":"[^"]*"/, '"requestId":"…"')
    .replace(/,"deadline":\d+/, '').split('\n')
  t.strictSame(answers.slice(0, 18), [
    '',
    'Two requests in one: POST /batch answered 200 in N s',
    '  GET /views/  →  200 OK in N s: Success!',
    '  POST /views/  →  201 Created in N s: {"text":"some text"}',
    '',
    'One after another: POST /batch answered 200 in N s',
    '  GET /sleep/?seconds=1  →  200 OK in N s: Success!',
    '  GET /sleep/?seconds=1  →  200 OK in N s: Success!',
    '',
    'At the same time: POST /concurrent/batch answered 200 in N s',
    '  GET /sleep/?seconds=1  →  200 OK in N s: Success!',
    '  GET /sleep/?seconds=1  →  200 OK in N s: Success!',
    '',
    'Each item is asked who is calling, and each may fail alone: POST /batch answered 200 in N s',
    '  GET /me  →  200 OK in N s: {"name":"Ada","batch":{"requestId":"…","index":0,"size":4}}',
    '  GET /me  →  401 Unauthorized in N s: {"error":"who are you?"}',
    '  GET /alone  →  403 Forbidden in N s: {"statusCode":403,"code":"FST_BATCH_ROUTE_NOT_ALLOWED","error":"Forbidden","message":"route GET /alone may not be batched"}',
    '  GET /nowhere  →  404 Not Found in N s: {"message":"Route GET:/nowhere not found","error":"Not Found","statusCode":404}'
  ])

  const origin = /http:\/\/[^\s.]+(\.\d+)*:\d+/.exec(output)![0]
  t.equal((await fetch(`${origin}/views/`)).status, 200)
})

t.test('the example with books commits one batch, rolls one back, and ends', async t => {
  const { stdout } = await run(process.execPath, ['examples/books.js'], { cwd: source, env })
  const undone = '424 rolled_back: undone, as another item of the transaction failed'
  t.strictSame(stdout.split('\n'), [
    '',
    'An author, two books of hers, and a look at them',
    '  POST /authors  →  201 done: {"id":1,"name":"Ada Lovelace"}',
    '  POST /books  →  201 done: {"id":1,"author_id":1,"title":"Notes"}',
    '  POST /books  →  201 done: {"id":2,"author_id":1,"title":"Letters"}',
    '  GET /authors/{id}/books  →  200 done: ["Notes","Letters"]',
    '',
    'One fails, and so nothing happens',
    `  POST /authors  →  ${undone}`,
    `  POST /books  →  ${undone}`,
    '  POST /authors  →  409 rolled_back: {"error":"this author is there already"}',
    '  POST /books  →  424 not_started: the batch stopped at batch/2, which was answered 409',
    '',
    'In the database',
    '  Ada Lovelace: Notes',
    '  Ada Lovelace: Letters',
    ''
  ])
})

t.test('the example with a fleet shares a batch between two workers, and ends', { skip: noRedis }, async t => {
  const { stdout } = await run(process.execPath, ['examples/fleet.js'], { cwd: source, env })
  const [, ...workers] = /the workers are (\d+) and (\d+)\./.exec(stdout)!
  const answers = [...stdout.matchAll(/^GET \/primes\/(\d+) {2}→ {2}200 from worker (\d+) after [\d.]+ s: (\d+) primes$/gm)]
  const limits = Array.from({ length: 8 }, (_, index) => 500_000 + index * 100_000)
  t.strictSame(answers.map(([, limit]) => Number(limit)), limits)
  t.equal(answers[0]![3], '41538')
  t.strictSame([...new Set(answers.map(([, , pid]) => pid))].sort(), workers.sort(), 'both had something to do')
  t.match(stdout, /All of it took [\d.]+ s\./)
  t.strictSame(remaining(), [])
})

for (const [signal, expected] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
  t.test(`and ends with ${signal}`, { skip: noRedis }, async t => {
    const example = spawn(process.execPath, ['examples/fleet.js'], { cwd: source, env })
    const ended = once(example, 'exit')
    await once(example.stdout, 'data')
    t.ok(remaining().length > 1)
    example.kill(signal)
    const [code] = await ended
    // It may have just come to its own end.
    t.ok([0, expected].includes(code), `code ${code}`)
    t.strictSame(remaining(), [])
  })
}

t.test('and says what it needs', async t => {
  const started = run(process.execPath, ['examples/fleet.js'], { cwd: source, env: { PATH: project } })
  const { code, stderr } = await started.catch(error => error)
  t.equal(code, 1)
  t.equal(stderr, 'redis-server is not on PATH. Install it: `apt install redis-server`, or `brew install redis`\n')
})

/** The processes that were started there, and are still there. */
function remaining (): string[] {
  return readdirSync('/proc').filter(pid => /^\d+$/.test(pid)).filter(pid => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === source
    } catch {
      return false
    }
  })
}
