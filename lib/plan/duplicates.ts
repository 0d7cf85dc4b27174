import { isSafe } from '../methods.ts'
import type { Headers } from '../subrequest/headers.ts'
import type { PlannedItem } from './item.ts'

// The safe methods that are asked for their answers alone.
const shared = new Set(['GET', 'HEAD'])

/** A planned item while it is not known whether it is a duplicate. */
interface Linked extends PlannedItem {
  original: PlannedItem | undefined
  duplicates: PlannedItem[]
}

/**
 * Writes into items which of them ask for the same: a GET or HEAD of the same url with the same headers and the same
 * dependencies, and without bindings. Never across an item that may change something: what stands after it may be
 * answered otherwise. To be called when dependencies are linked.
 */
export function linkDuplicates (
  items: readonly PlannedItem[], inherited: Readonly<Headers>, requestIdHeader: string | false
): void {
  const originals = new Map<string, Linked>()
  for (const planned of items as readonly Linked[]) {
    const { item, content, dependencies } = planned
    const method = item.method.toUpperCase()
    if (!isSafe(method)) originals.clear()
    if (content === undefined || content.body !== undefined || !shared.has(method)) continue
    const headers = Object.entries({ ...inherited, ...content.headers })
    // That one is ours, and other for every item.
    const sent = headers.filter(([name]) => name !== requestIdHeader).sort()
    const key = JSON.stringify([method, item.url, sent, dependencies.map(({ index }) => index)])
    const original = originals.get(key)
    if (original === undefined) {
      originals.set(key, planned)
    } else {
      planned.original = original
      // The list of all that have none is shared.
      if (original.duplicates.length === 0) original.duplicates = [planned]
      else original.duplicates.push(planned)
    }
  }
}
