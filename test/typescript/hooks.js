import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'

// Hundreds of processes load the same files. Goes when dependencies are installed anew.
const cache = new URL('../../node_modules/.cache/without-types/', import.meta.url)

/** Loads a file of ours with spaces where its types were: lines and columns stay what they are. */
export async function load (url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts') || url.includes('/node_modules/')) return nextLoad(url, context)
  const text = await readFile(new URL(url), 'utf8')
  const kept = new URL(createHash('sha256').update(text).digest('hex'), cache)
  const source = await readFile(kept, 'utf8').catch(() => strip(text, kept))
  return { format: 'module', source, shortCircuit: true }
}

async function strip (text, kept) {
  // To load it takes longer than to use it.
  const { transformSync } = await import('amaro')
  const { code } = transformSync(text, { mode: 'strip-only' })
  await mkdir(cache, { recursive: true })
  // Other processes see all of it or nothing.
  const part = new URL(randomUUID(), cache)
  await writeFile(part, code)
  await rename(part, kept)
  return code
}
