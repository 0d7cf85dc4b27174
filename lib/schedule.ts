import TinyQueue from 'tinyqueue'
import type { PlannedItem } from './plan/item.ts'

/** Which items of a batch may start: the lowest index first, each after what it depends on. */
export class Schedule {
  readonly #ready: TinyQueue<PlannedItem>
  /** Items that wait, and for how many others. */
  readonly #waiting = new Map<PlannedItem, number>()

  constructor (items: readonly PlannedItem[]) {
    const ready: PlannedItem[] = []
    for (const item of items) {
      if (item.dependencies.length === 0) ready.push(item)
      else this.#waiting.set(item, item.dependencies.length)
    }
    this.#ready = new TinyQueue(ready, (a, b) => a.index - b.index)
  }

  /** How many items may start now. */
  get ready (): number {
    return this.#ready.length
  }

  /** How many items have not been taken: those that may start, and those that wait. */
  get size (): number {
    return this.#ready.length + this.#waiting.size
  }

  /** Takes the first item that may start. */
  take (): PlannedItem | undefined {
    return this.#ready.pop()
  }

  /** Says that an item succeeded: what waited for it alone may start. */
  succeed ({ dependents }: PlannedItem): void {
    for (const dependent of dependents) {
      const left = this.#waiting.get(dependent)
      if (left === undefined) continue
      if (left > 1) {
        this.#waiting.set(dependent, left - 1)
      } else {
        this.#waiting.delete(dependent)
        this.#ready.push(dependent)
      }
    }
  }

  /** Says that an item failed, and takes what waited for it. */
  fail ({ dependents }: PlannedItem): PlannedItem[] {
    return dependents.filter(dependent => this.#waiting.delete(dependent))
  }

  /** Takes all that is left. */
  clear (): PlannedItem[] {
    const left = [...this.#ready.data, ...this.#waiting.keys()]
    this.#ready.data.length = this.#ready.length = 0
    this.#waiting.clear()
    return left
  }
}
