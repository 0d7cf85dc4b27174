import type { Parent } from './parent.ts'
import { linkItems } from './plan/dependencies.ts'
import { linkDuplicates } from './plan/duplicates.ts'
import { planItem, type PlannedItem } from './plan/item.ts'
import { bindLocalIds } from './plan/json-api.ts'
import { buildSubrequest, type UnstartedSubrequest, type SubrequestRules } from './subrequest.ts'
import type { BatchBody, BatchItem } from './wire/schema.ts'

/** A batch that was checked whole: everything in it can be run. */
export interface Plan {
  /** In the order of the batch. */
  readonly items: readonly PlannedItem[]
  /** Whether nothing further starts after the first status of 400 or more. */
  readonly stopOnError: boolean
  /** Whether all of it happens or nothing. */
  readonly atomic: boolean
  /** Turns an item whose bindings were filled in into a subrequest, by the rules of all others. */
  readonly build: (item: BatchItem, index: number) => UnstartedSubrequest
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
  const planned = body.batch.map((item, index) => planItem(item, index, parent, rules))
  const items = rules.jsonApi ? bindLocalIds(planned, rules.defaultContentType) : planned
  linkItems(items)
  if (rules.dedupe) linkDuplicates(items, rules.requestIdHeader)
  const atomic = body.atomic ?? false
  return {
    items,
    stopOnError: atomic || body.on_error === 'stop',
    atomic,
    build: (item, index) => buildSubrequest(item, index, parent, rules)
  }
}
