// `npm run test:versions`: the tests with other versions of Node.js and Fastify, in a copy of this folder.
//
//   npm run test:versions                                     all versions
//   npm run test:versions -- --node 24 --fastify latest       one of each
//   npm run test:versions -- --node 24 test/dispatch/*.ts     some tests
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { copyCheckout, root } from '../copy-checkout.js'

const { peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const ranges = { lowest: peerDependencies.fastify.replace('^', ''), latest: peerDependencies.fastify }

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', multiple: true, default: ['20', '22', '24'] },
    // The lowest and the newest that the peer dependency allows, or a version.
    fastify: { type: 'string', multiple: true, default: Object.keys(ranges) }
  }
})

let failed = false
for (const fastify of values.fastify) {
  const copy = copyCheckout('versions-')
  cpSync(join(root, 'node_modules'), join(copy, 'node_modules'), { recursive: true, verbatimSymlinks: true })
  run(copy, 'npm', ['install', '--no-save', '--no-package-lock', `fastify@${ranges[fastify] ?? fastify}`])
  const { version } = JSON.parse(readFileSync(join(copy, 'node_modules/fastify/package.json'), 'utf8'))
  report(`Fastify ${version}, types`, run(copy, 'npx', ['tsc', '-p', 'tsconfig.build.json', '--noEmit']))

  for (const node of values.node) {
    // Coverage is measured once, by `npm test`: V8 counts differently from version to version.
    const tap = `node --version && ./node_modules/.bin/tap --disable-coverage ${files.join(' ')}`
    const result = run(copy, 'npx', ['--yes', '--package', `node@${node}`, '--call', tap])
    report(`Fastify ${version}, Node.js ${/^v([\d.]+)$/m.exec(result.output)?.[1]}`, result)
  }
  rmSync(copy, { recursive: true })
}
process.exitCode = failed ? 1 : 0

function run (cwd, command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 })
  return { status, output: stdout + stderr }
}

function report (title, { status, output }) {
  const [, counts = status === 0 ? 'pass' : 'fail'] = [...output.matchAll(/^# \{ (.*) \}$/gm)].at(-1) ?? []
  console.log(`${title}: ${counts}`)
  if (status === 0) return
  failed = true
  const lines = output.split('\n')
  const places = lines.flatMap((line, n) => /^ *not ok|^.*error TS/.test(line) ? [n] : [])
  console.log(places.length === 0 ? lines.slice(-40).join('\n') : places.map(n => lines.slice(n, n + 20).join('\n')).join('\n'))
}
