// `npm run test:fastify`: the tests of Fastify that use inject, twice: with light-my-request, and with the direct
// dispatcher in its place. What passes with the one passes with the other, but for what `known.js` names.
//
//   npm run test:fastify -- --short          light-my-request is asked only about files that do not wholly pass
//   npm run test:fastify -- hooks.test.js    some files
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { known } from './known.js'

const require = createRequire(import.meta.url)
const root = join(dirname(require.resolve('fastify')), 'test')
const replace = fileURLToPath(new URL('replace.cjs', import.meta.url))
const { values: { short }, positionals: only } = parseArgs({ allowPositionals: true, options: { short: { type: 'boolean' } } })
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name => (
  name.endsWith('.test.js') && readFileSync(join(root, name), 'utf8').includes('.inject(') &&
  (only.length === 0 || only.includes(name))
)).sort()

/** Runs one file, and gives the names of its tests, each with whether it passed, and whether the whole file did. */
function run (file, args) {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [...args, '--test-reporter=tap', join(root, file)], { cwd: join(root, '..') })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', chunk => { output += chunk })
    child.stderr.resume()
    const timer = setTimeout(() => { child.kill() }, 120_000)
    child.on('close', status => {
      clearTimeout(timer)
      resolve({ tests: readTap(output), passes: status === 0 })
    })
  })
}

function readTap (output) {
  const results = new Map()
  for (const [, indent, not, name, directive] of output.matchAll(/^( *)(not )?ok \d+ - (.*?)( # (?:SKIP|TODO).*)?$/gm)) {
    if (directive !== undefined) continue
    // Tests of the same name are told apart by how many came before.
    let key = `${indent.length / 4} ${name}`
    for (let n = 2; results.has(key); n++) key = `${indent.length / 4} ${name} (${n})`
    results.set(key, not === undefined)
  }
  return results
}

const failures = []
let passed = 0
const queue = [...files]
await Promise.all(Array.from({ length: availableParallelism() }, async () => {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const after = await run(file, ['--no-warnings', '--require', replace])
    const before = short && after.passes ? after : await run(file, [])
    for (const [name, passes] of before.tests) {
      if (!passes) continue
      if (after.tests.get(name) === true) passed++
      else failures.push(`${file}: ${name.replace(/^\d+ /, '')}`)
    }
  }
}))

const unknown = failures.filter(name => !(name in known))
const fixed = only.length > 0 ? [] : Object.keys(known).filter(name => !failures.includes(name))
console.log(`${files.length} files, ${passed} tests pass, ${failures.length - unknown.length} are known to differ`)
for (const name of unknown) console.log(`passes with light-my-request alone: ${name}`)
for (const name of fixed) console.log(`is listed, and passes: ${name}`)
process.exitCode = unknown.length + fixed.length > 0 || passed === 0 ? 1 : 0
