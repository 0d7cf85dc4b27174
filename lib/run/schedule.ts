import TinyQueue from 'tinyqueue'
import type { PlannedItem } from '../plan/item.ts'

const byIndex = (a: PlannedItem, b: PlannedItem) => a.index - b.index

/** Which items of a batch may start: the lowest index first, each after what it depends on, or shares the answer of. */
export class Schedule {
  /** Items that waited for nothing, and how many of them were taken. Most batches have no others. */
  #first: PlannedItem[] = []
  #taken = 0
  /** Items that wait for nothing any more. */
  readonly #freed = new TinyQueue<PlannedItem>([], byIndex)
  /** Items that wait, and for how many others. */
  readonly #waiting = new Map<PlannedItem, number>()

  constructor (items: readonly PlannedItem[]) {
    for (const item of items) {
      const others = item.dependencies.length + (item.original === undefined ? 0 : 1)
      if (others === 0) this.#first.push(item)
      else this.#waiting.set(item, others)
    }
  }

  /** How many items may start now. */
  get ready (): number {
    return this.#first.length - this.#taken + this.#freed.length
  }

  /** How many items have not been taken: those that may start, and those that wait. */
  get size (): number {
    return this.ready + this.#waiting.size
  }

  /** Whether an item waits for others. */
  waits (item: PlannedItem): boolean {
    return this.#waiting.has(item)
  }

  /** Takes the first item that may start. */
  take (): PlannedItem | undefined {
    const first = this.#first[this.#taken]
    const freed = this.#freed.peek()
    if (first === undefined || (freed !== undefined && freed.index < first.index)) return this.#freed.pop()
    this.#taken++
    return first
  }

  /** Takes those of the items that may start whose indexes these are. */
  takeAll (indexes: ReadonlySet<number>): PlannedItem[] {
    const ready = this.#takeReady()
    this.#first = ready.filter(({ index }) => !indexes.has(index)).sort(byIndex)
    return ready.filter(({ index }) => indexes.has(index))
  }

  /** Says that an item succeeded: what waited for it alone may start. */
  succeed ({ dependents, duplicates }: PlannedItem): void {
    this.#free(dependents)
    this.#free(duplicates)
  }

  /** Says that an item failed, and takes what waited for its success. Its duplicates fail as it did. */
  fail ({ dependents, duplicates }: PlannedItem): PlannedItem[] {
    this.#free(duplicates)
    return dependents.filter(dependent => this.#waiting.delete(dependent))
  }

  /** Takes all that is left. */
  clear (): PlannedItem[] {
    const left = [...this.#takeReady(), ...this.#waiting.keys()]
    this.#waiting.clear()
    return left
  }

  #takeReady (): PlannedItem[] {
    const ready = [...this.#first.slice(this.#taken), ...this.#freed.data]
    this.#first = []
    this.#taken = this.#freed.data.length = this.#freed.length = 0
    return ready
  }

  #free (items: readonly PlannedItem[]): void {
    for (const item of items) {
      const left = this.#waiting.get(item)
      if (left === undefined) continue
      if (left > 1) {
        this.#waiting.set(item, left - 1)
      } else {
        this.#waiting.delete(item)
        this.#freed.push(item)
      }
    }
  }
}
