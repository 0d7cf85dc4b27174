import type { Execution } from '../execution.ts'
import type { Outcome } from '../outcome.ts'
import type { PlannedItem } from '../plan/item.ts'
import type { Release } from '../shared-executor.ts'
import type { Subrequest } from '../subrequest.ts'

/** An item that runs. */
export interface RunningItem {
  readonly planned: PlannedItem
  readonly subrequest: Subrequest
  readonly execution: Execution
  /** By `performance.now()`. */
  readonly started: number
  readonly release: Release | undefined
  /** Where it stands among those that run. Kept by `Running`, negative if it does not run. */
  place: number
  answered?: (outcome: Outcome) => void
}

/** What runs of a batch, in no order. A Set would make a new table of itself every few items. */
export class Running {
  readonly #items: RunningItem[] = []

  get size (): number {
    return this.#items.length
  }

  /** Gives a copy of what runs now. */
  items (): RunningItem[] {
    return [...this.#items]
  }

  add (item: RunningItem): void {
    item.place = this.#items.push(item) - 1
  }

  /** Gives whether the item ran until now. */
  delete (item: RunningItem): boolean {
    const { place } = item
    if (place < 0) return false
    const last = this.#items.pop()!
    last.place = place
    if (last !== item) this.#items[place] = last
    item.place = -1
    return true
  }
}
