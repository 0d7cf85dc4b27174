// What runs the tests elsewhere than in this checkout: with other code, or with other packages.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the checkout. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Copies what is or can be committed, as it stands now, to a new folder, which is removed when this process exits.
 * `node_modules` is left to the caller.
 */
export function copyCheckout (prefix) {
  const copy = mkdtempSync(join(tmpdir(), prefix))
  process.once('exit', () => { rmSync(copy, { recursive: true, force: true }) })
  const list = ['ls-files', '--cached', '--others', '--exclude-standard']
  for (const name of execFileSync('git', list, { cwd: root, encoding: 'utf8' }).trim().split('\n')) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(copy, name))
  }
  return copy
}
