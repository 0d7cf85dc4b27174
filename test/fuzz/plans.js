// Random batches that are right, with plans in them: dependencies, bindings, conditions.
import fc from 'fast-check'

const json = fc.jsonValue({ maxDepth: 2 }).filter(value => !/__proto__|constructor/.test(JSON.stringify(value)))
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 })
  .filter(text => !/^\.*$/.test(text) && isEncodable(text))
const tag = fc.string({ unit: 'grapheme-ascii', maxLength: 6 })
const sources = [
  'body/name', 'body/q', 'body/tag', 'body/method', 'body/body', 'body/body/v', 'body/body/w', 'body/body/0', 'body/missing',
  'headers/x-tag', 'headers/missing', 'status_code', 'body'
]
/** A value from an earlier item: which one, and where it has it. */
const bound = fc.option(fc.tuple(fc.nat(19), fc.constantFrom(...sources)), { freq: 4, nil: undefined })

const draft = fc.record({
  method: fc.constantFrom('get', 'GET', 'HEAD', 'POST', 'post', 'Put', 'PATCH', 'DELETE', 'OPTIONS'),
  name,
  q: fc.option(name, { nil: undefined }),
  status: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(200, 201) },
    { weight: 1, arbitrary: fc.constantFrom(302, 400, 404, 500, 599) }),
  tag: fc.option(tag, { nil: undefined }),
  body: fc.option(json.filter(value => typeof value !== 'string'), { nil: undefined }),
  dependsOn: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.nat(19), { maxLength: 3 }) }),
  named: fc.boolean(),
  boundName: bound,
  boundQ: bound,
  boundTag: bound,
  boundBody: bound,
  wholeBody: fc.boolean(),
  /** Where it stands in the batch: items may wait for later ones. */
  place: fc.nat()
})

const drafts = fc.oneof(
  { weight: 6, arbitrary: fc.array(draft, { minLength: 1, maxLength: 6 }) },
  { weight: 1, arbitrary: fc.array(draft, { minLength: 7, maxLength: 20 }) }
)

/** Batches that no server has a reason to refuse. */
export const goodBatch = fc.record({
  drafts,
  onError: fc.constantFrom(undefined, undefined, 'continue', 'stop')
}).map(({ drafts, onError }) => {
  const items = drafts.map((draft, index) => ({ place: draft.place, item: makeItem(draft, index) }))
  const named = new Set(items.flatMap(({ item: { depends_on: dependsOn = [], bind = {} } }) =>
    [...dependsOn, ...Object.values(bind).map(source => source.split('/')[0])]))
  for (const [index, { item }] of items.entries()) if (!drafts[index].named && !named.has(item.id)) delete item.id
  items.sort((a, b) => a.place - b.place)
  return { ...onError && { on_error: onError }, batch: items.map(({ item }) => item) }
})

function makeItem (draft, index) {
  const { method, name, q, status, tag, body, dependsOn, boundName, boundQ, boundTag, boundBody, wholeBody } = draft
  const earlier = n => `i${n % index}`
  const bind = {}
  const bindTo = (target, [from, source]) => { bind[target] = `${earlier(from)}/${source}` }
  const isBound = index > 0
  const item = { id: `i${index}`, method }

  let path = encodeURIComponent(name)
  if (isBound && boundName) {
    path = '{name}'
    bindTo('/url/name', boundName)
  }
  let query = q === undefined ? '' : `&q=${encodeURIComponent(q)}`
  if (isBound && boundQ) {
    query = '&q={q}'
    bindTo('/url/q', boundQ)
  }
  item.url = `/echo/${path}?status=${status}${query}`
  if (isBound && boundTag) bindTo('/headers/x-tag', boundTag)
  else if (tag !== undefined) item.headers = { 'X-Tag': tag }
  if (isBound && boundBody && wholeBody) {
    bindTo('/body', boundBody)
  } else if (isBound && boundBody) {
    item.body = { v: null, w: body ?? null }
    bindTo('/body/v', boundBody)
  } else if (body !== undefined) {
    item.body = body
  }
  if (isBound && dependsOn.length > 0) item.depends_on = dependsOn.map(earlier)
  if (Object.keys(bind).length > 0) item.bind = bind
  return item
}

function isEncodable (text) {
  try {
    encodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
