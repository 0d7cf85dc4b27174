// `npm run test:guards`: takes the guards of guards.js away, one at a time, in copies of this folder. A test must fail.
//
//   npm run test:guards                     all of them
//   npm run test:guards -- bullmq nested    those with one of these words in their name or file
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { transformSync } from 'amaro'
import { copyCheckout, root } from '../copy-checkout.js'
import { guards } from './guards.js'

const longest = 120_000
const words = process.argv.slice(2)
const chosen = guards.filter(({ name, file }) => words.length === 0 || words.some(word => `${name} ${file}`.includes(word)))

const running = new Set()
// First, so that nothing runs in the copies any more when they are removed.
process.once('exit', () => { running.forEach(killGroup) })
const copies = [makeCopy(), makeCopy()]
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => { process.exit(1) })

const removable = chosen.filter(guard => {
  const reason = whyNot(guard)
  if (reason !== undefined) console.log(`NOT OK  ${guard.name}: ${reason}`)
  return reason === undefined
})

// With all guards in place, tests pass and are not skipped. How long they take says when one hangs without its guard.
const durations = new Map()
const tests = new Map(removable.map(guard => [keyOf(guard), guard]))
await share(tests.values(), async (copy, guard) => {
  const started = performance.now()
  const { failed, output } = await runTest(copy, guard, longest)
  const [skip] = /^.*# SKIP (?!filter:).*$/m.exec(output) ?? []
  const end = output.split('\n').slice(-60).join('\n')
  if (!failed && skip === undefined) durations.set(keyOf(guard), performance.now() - started)
  else console.log(`NOT OK  ${guard.test} ${failed ? `fails with all guards in place:\n${end}` : `was SKIPPED: ${skip}`}`)
})

let missed = 0
await share(removable.filter(guard => durations.has(keyOf(guard))), async (copy, guard) => {
  const { name, file, text, instead, test } = guard
  const source = readFileSync(join(root, file), 'utf8')
  writeFileSync(join(copy, file), source.replace(text, () => instead))
  const { failed, hung, output } = await runTest(copy, guard, durations.get(keyOf(guard)) * 3 + 5000)
  writeFileSync(join(copy, file), source)
  if (failed) missed++
  const end = hung ? 'a test hangs' : `"${firstFailure(output) ?? test}" fails`
  console.log(failed ? `ok      ${name}: without it ${end}` : `NOT OK  ${name}: without it nothing in ${test} fails`)
})

console.log(`\n${missed} of ${chosen.length} guards are missed by a test when they are gone`)
process.exitCode = missed === chosen.length && missed > 0 ? 0 : 1

/** Why a guard cannot be taken away: then its entry is no longer true. */
function whyNot ({ file, text, instead, test }) {
  const source = readFileSync(join(root, file), 'utf8')
  const places = source.split(text).length - 1
  if (places !== 1) return `its text is ${places} times in ${file}, not once`
  if (!existsSync(join(root, test))) return `there is no ${test}`
  try {
    transformSync(source.replace(text, () => instead), { mode: 'strip-only' })
  } catch (error) {
    return `${file} does not parse without it: ${error}`
  }
}

function makeCopy () {
  const copy = copyCheckout('guards-')
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  mkdirSync(join(copy, 'tmp'))
  return copy
}

/** Gives each copy the next job as soon as it is done with its last one. */
async function share (jobs, work) {
  const left = [...jobs]
  await Promise.all(copies.map(async copy => {
    for (let job; (job = left.shift()) !== undefined;) await work(copy, job)
  }))
}

function keyOf ({ test, only }) {
  return JSON.stringify([test, only])
}

function firstFailure (output) {
  const [before] = output.split(/^ *not ok/m, 1)
  return [...before.matchAll(/^ *# Subtest: (.*)$/gm)].at(-1)?.[1]
}

/** Runs a file of tests, or only those tests in it that have these words in their names. */
function runTest (copy, { test, only = '' }, timeLimit) {
  return new Promise(resolve => {
    const child = spawn(process.execPath, ['--import=./test/typescript/register.js', test], {
      cwd: copy,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      // What tests leave behind goes with the copy.
      env: {
        ...process.env,
        TAP_BAIL: '1',
        TAP_GREP: only && `/${only}/`,
        TAP_TIMEOUT: String(longest / 1000),
        TMPDIR: join(copy, 'tmp')
      }
    })
    running.add(child.pid)
    const end = () => { killGroup(child.pid) }
    let hung = false
    const timer = setTimeout(() => {
      hung = true
      end()
    }, timeLimit)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
    // Workers and servers that it started and did not stop would hold its output open.
    child.once('exit', end)
    child.once('close', status => {
      clearTimeout(timer)
      running.delete(child.pid)
      resolve({ failed: status !== 0, hung, output })
    })
  })
}

function killGroup (leader) {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // All of it has ended.
  }
}
