// What a batch of plans.js has to be answered with, told from the documents and not from the code of the plugin.

/** Gives what each item is answered with, when all run one after another. */
export function expectedAnswers ({ batch, on_error: onError }) {
  const byId = new Map(batch.map((item, index) => [item.id, index]))
  const answers = []
  const sources = batch.map(({ depends_on: dependsOn = [], bind = {} }) =>
    [...dependsOn, ...Object.values(bind).map(source => source.split('/')[0])].map(id => byId.get(id)))
  let stopped = false
  for (let left = batch.length; left > 0; left--) {
    // The lowest index first, of those that wait for nothing more.
    const index = batch.findIndex((_item, n) => answers[n] === undefined && sources[n].every(source => answers[source]))
    const isLeft = stopped || sources[index].some(source => answers[source].status >= 400)
    answers[index] = isLeft ? { status: 424, started: false } : answerTo(batch[index], id => answers[byId.get(id)])
    if (onError === 'stop' && answers[index].status >= 400) stopped = true
  }
  return { answers, sources }
}

const notStarted = status => ({ status, started: false })

function answerTo (item, answerOf) {
  const url = new URL(item.url.replaceAll(/[{}]/g, ''), 'http://x')
  const bind = new Map(Object.entries(item.bind ?? {}).map(([target, source]) => {
    const [id, ...path] = source.split('/')
    return [target, at(answerOf(id).seen, path)]
  }))
  for (const [target, value] of bind) {
    if (value === undefined) return notStarted(424)
    if (target.startsWith('/body')) continue
    if (typeof value === 'object') return notStarted(400)
    if (target.startsWith('/url') && !isForUrl(String(value))) return notStarted(400)
  }
  const text = (target, otherwise) => bind.has(target) ? String(bind.get(target)) : otherwise
  const name = text('/url/name', decodeURIComponent(url.pathname.slice('/echo/'.length)))
  if (/^\.*$/.test(name)) return notStarted(400)
  const tag = text('/headers/x-tag', item.headers?.['X-Tag'])
  if (tag !== undefined && !/^[\t\x20-\x7e]*$/.test(tag)) return notStarted(400)

  const method = item.method.toUpperCase()
  const hasBody = method !== 'GET' && method !== 'HEAD'
  let body = item.body ?? null
  if (bind.has('/body')) body = bind.get('/body')
  if (bind.has('/body/v')) body = { ...body, v: bind.get('/body/v') }
  const shown = {
    method, name, q: text('/url/q', url.searchParams.get('q')), tag: tag?.trim() ?? null, body: hasBody ? body : null
  }
  const status = Number(url.searchParams.get('status'))
  const headers = shown.tag ? { 'x-tag': shown.tag } : {}
  return { status, started: true, seen: { status_code: status, headers, body: method === 'HEAD' ? '' : JSON.parse(JSON.stringify(shown)) } }
}

function isForUrl (text) {
  return text.isWellFormed() && !/\p{Cc}/u.test(text)
}

function at (value, path) {
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    if (Array.isArray(value) && !/^(0|[1-9]\d*)$/.test(key)) return undefined
    value = value[key]
  }
  return value
}
