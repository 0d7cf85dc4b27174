import type { Parent } from './parent.ts'
import { linkItems } from './plan/dependencies.ts'
import { linkDuplicates } from './plan/duplicates.ts'
import { planItem, type PlannedItem } from './plan/item.ts'
import { bindLocalIds } from './plan/json-api.ts'
import { buildSubrequest, checkItem, type Content, type Start, type Subrequest, type SubrequestRules } from './subrequest.ts'
import type { BatchBody, BatchItem } from './wire/schema.ts'

/** A batch that was checked whole: everything in it can be run. */
export interface Plan {
  /** In the order of the batch. */
  readonly items: readonly PlannedItem[]
  /** Whether nothing further starts after the first status of 400 or more. */
  readonly stopOnError: boolean
  /** Whether all of it happens or nothing. */
  readonly atomic: boolean
  /** Checks an item whose bindings were filled in, by the rules of all others. */
  readonly check: (item: BatchItem, index: number) => Content
  /** Makes the subrequest of an item that starts. */
  readonly build: (item: BatchItem, start: Start) => Subrequest
}

/** What is the same for all batches of a batch route. */
export interface PlanRules extends SubrequestRules {
  /** Whether the ids that clients made up in JSON:API documents are replaced by those of the server. */
  readonly jsonApi: boolean
  /** Whether items that ask for the same are run once. */
  readonly dedupe: boolean
}

/** Plans a batch, or throws the first reason why one of its items cannot run: then none does. */
export function planBatch (body: BatchBody, parent: Parent, rules: PlanRules): Plan {
  const planned = body.batch.map((item, index) => planItem(item, index, rules))
  const items = rules.jsonApi ? bindLocalIds(planned, rules.defaultContentType) : planned
  linkItems(items)
  if (rules.dedupe) linkDuplicates(items, parent.headers, rules.requestIdHeader)
  const atomic = body.atomic ?? false
  return {
    items,
    stopOnError: atomic || body.on_error === 'stop',
    atomic,
    check: (item, index) => checkItem(item, index, rules),
    build: (item, start) => buildSubrequest(item, start, parent, rules)
  }
}
