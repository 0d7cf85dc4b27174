import { checkItem, type Content, type SubrequestRules } from '../subrequest.ts'
import type { BatchItem } from '../wire/schema.ts'
import { readBindings, type Binding } from './bindings.ts'

/** An item that was checked, and that nothing but the failure of another can keep from running. */
export interface PlannedItem {
  readonly item: BatchItem
  readonly index: number
  readonly bindings: readonly Binding[]
  /** What it sends. `undefined` if it has bindings, until their values are known. */
  readonly content: Content | undefined
  /** The items that this one runs after, each as often as it is named. */
  readonly dependencies: readonly PlannedItem[]
  /** The items that run after this one, each as often as it names it. */
  readonly dependents: readonly PlannedItem[]
  /** The item that asks for the same, and whose answer is this one's too. */
  readonly original: PlannedItem | undefined
  /** The items whose `original` this is. */
  readonly duplicates: readonly PlannedItem[]
}

/** What to call an item in messages. */
export function nameOf ({ item: { id }, index }: PlannedItem): string {
  return id ?? `batch/${index}`
}

const none: readonly never[] = Object.freeze([])

/**
 * Plans one item by itself, or throws the first reason why it cannot run.
 * @throws InvalidBindingError, and what `checkItem` throws
 */
export function planItem (item: BatchItem, index: number, rules: SubrequestRules): PlannedItem {
  if (item.bind === undefined) return plannedItem(item, index, none, checkItem(item, index, rules))
  const bindings = readBindings(item, index)
  // All that is known is checked now, with stand-ins for the values that are not.
  checkItem(withStandIns(item, bindings), index, rules)
  return plannedItem(item, index, bindings, undefined)
}

function plannedItem (
  item: BatchItem, index: number, bindings: readonly Binding[], content: Content | undefined
): PlannedItem {
  return { item, index, bindings, content, dependencies: none, dependents: none, original: undefined, duplicates: none }
}

function withStandIns (item: BatchItem, bindings: readonly Binding[]): BatchItem {
  let { url, headers } = item
  for (const { target } of bindings) {
    if (target.part === 'headers') headers = { ...headers, [target.name]: 'x' }
    if (target.part === 'url') url = url.replaceAll(`{${target.name}}`, 'x')
  }
  return { ...item, url, headers }
}
