// Other origins and cookies, as a real browser has them. The session cookie goes along with requests of pages that are
// not trusted: what protects the batch route is its media type and CORS alone.
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import formbody from '@fastify/formbody'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import batch from '../../lib/index.ts'
import { findChromium, startChromium } from '../fixtures/chromium.ts'
import { listen } from '../helper.ts'

// In a page.
declare const document: any
declare const navigator: any

const program = findChromium()
const skip = program === undefined && 'SKIPPED: there is no chromium on PATH'

const read = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url))
const tls = { https: { key: read('key.pem'), cert: read('cert.pem') } }

const origin = (app: FastifyInstance, host: string) => `https://${host}:${(app.server.address() as AddressInfo).port}`

/** A server of pages that are empty, under whatever name. */
async function startPages (t: Test): Promise<FastifyInstance> {
  const pages = Fastify(tls) as unknown as FastifyInstance
  pages.get('/', async (_request, reply) => reply.type('text/html').send('<title>page</title>'))
  t.teardown(() => pages.close())
  return listen(pages)
}

/** The app that has the batch route, and a session in a cookie. */
async function startApp (t: Test, trusted: string) {
  const app = Fastify(tls) as unknown as FastifyInstance
  const batches: string[] = []
  const transfers: string[] = []
  app.addHook('onRequest', async ({ url, method, headers }) => {
    if (url === '/batch') batches.push(`${method} ${headers['content-type']}`)
  })
  app.register(cookie)
  app.register(cors, { origin: trusted, credentials: true })
  app.register(formbody)
  app.register(batch)
  app.get('/', async (_request, reply) => reply.type('text/html').send('<title>app</title>'))
  app.post('/login', async (_request, reply) => {
    reply.setCookie('session', 'secret-value', { httpOnly: true, secure: true, sameSite: 'none', path: '/' })
    return 'welcome'
  })
  app.get('/me', async ({ cookies }) => cookies.session === 'secret-value' ? 'ada' : 'nobody')
  app.post('/transfer', async ({ cookies }) => {
    transfers.push(cookies.session === 'secret-value' ? 'ada' : 'nobody')
    return 'transferred'
  })
  t.teardown(() => app.close())
  return { app: await listen(app), batches, transfers }
}

async function start (t: Test) {
  const pages = await startPages(t)
  const trusted = origin(pages, 'www.shop.example')
  const { app, ...seen } = await startApp(t, trusted)
  const browser = await startChromium(t, program!)
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  const open = async (url: string): Promise<Page> => {
    const page = await context.newPage()
    await page.goto(url)
    return page
  }
  const own = origin(app, 'api.shop.example')
  return { ...seen, context, open, trusted, own, evil: (host: string) => origin(pages, host) }
}

const item = (method: string, url: string) => ({ method, url })
const transfer = JSON.stringify({ batch: [item('post', '/transfer')] })

/** Sends a batch as a page does, and gives all that its scripts can see. */
const send = (page: Page, url: string, items: object[]) => page.evaluate(async ([url, body]) => {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url!, { method: 'POST', credentials: 'include', headers, body })
  const text = await response.text()
  return { status: response.status, headers: [...response.headers].flat(), text, cookies: document.cookie }
}, [`${url}/batch`, JSON.stringify({ batch: items })])

t.test('a page of an origin that is trusted logs in, and its scripts never see the cookie', { skip }, async t => {
  const { open, trusted, own, context } = await start(t)
  for (const origin of [trusted, own]) {
    await context.clearCookies()
    const page = await open(`${origin}/`)
    const login = await send(page, own, [item('post', '/login'), item('get', '/me')])
    t.match(JSON.parse(login.text).batch, [{ body: 'welcome' }, { body: 'nobody' }], 'as two requests sent at once')
    t.notMatch(JSON.stringify(login), 'secret-value')
    t.match(await context.cookies(own), [{ name: 'session', value: 'secret-value', httpOnly: true, sameSite: 'None' }])

    const me = await send(page, own, [item('get', '/me')])
    t.match(JSON.parse(me.text).batch, [{ body: 'ada' }], 'it goes along with the next batch')
    t.notMatch(JSON.stringify(me), 'secret-value')
  }
})

// The first is of the same site: all cookies go along with whatever it sends.
for (const host of ['evil.shop.example', 'evil.test']) {
  t.test(`a page of ${host} gains nothing through the batch route`, { skip }, async t => {
    const { open, own, batches, transfers, evil: originOf } = await start(t)
    const evil = originOf(host)
    await send(await open(`${own}/`), own, [item('post', '/login')])
    batches.length = 0
    const page = await open(`${evil}/`)

    interface Attempt { mode?: 'cors' | 'no-cors', type?: string, blob?: boolean }
    /** Sends a batch from the page, and gives what it can read of the answer. */
    const attempt = (init: Attempt) => page.evaluate(async ([url, body, init]) => {
      const { mode, type, blob } = init
      try {
        const response = await fetch(url, {
          method: 'POST',
          credentials: 'include',
          mode,
          body: type === undefined || blob === true ? new Blob([body], { type }) : body,
          headers: type === undefined || blob === true ? {} : { 'content-type': type }
        })
        return `${response.type} ${response.status} ${await response.text()}`
      } catch (error) {
        return (error as Error).name
      }
    }, [`${own}/batch`, transfer, init] as const)

    for (const mode of ['cors', 'no-cors'] as const) {
      const nothing = mode === 'cors' ? 'TypeError' : 'opaque 0 '
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', undefined]) {
        t.equal(await attempt({ mode, type }), nothing, `${mode}, ${type}`)
      }
      for (const type of ['text/plain; application/json', 'text/plain;charset=application/json']) {
        t.equal(await attempt({ mode, type }), nothing, `${mode}, ${type}`)
      }
    }
    t.equal(batches.length, 12, 'they arrive')
    t.notOk(batches.some(line => line.startsWith('POST application/json')))

    t.equal(await attempt({ mode: 'cors', type: 'application/json' }), 'TypeError')
    t.equal(await attempt({ mode: 'cors', type: 'application/json', blob: true }), 'TypeError')
    t.strictSame(batches.splice(12), ['OPTIONS undefined', 'OPTIONS undefined'], 'the browser asks, and is not told to go on')
    t.equal(await attempt({ mode: 'no-cors', type: 'application/json' }), 'opaque 0 ')
    t.strictSame(batches.splice(12), ['POST text/plain;charset=UTF-8'], 'the browser does not call it JSON')
    // Whether a browser sends this one is its own affair.
    await attempt({ mode: 'no-cors', type: 'application/json', blob: true })

    const beacons = await page.evaluate(([url, body]) => [
      navigator.sendBeacon(url, body), navigator.sendBeacon(url, new Blob([body], { type: 'text/plain' })),
      navigator.sendBeacon(url, new Blob([body], { type: 'application/json' }))
    ], [`${own}/batch`, transfer] as const)
    t.equal(beacons[0], true)

    /** Submits a form as a page of its own. */
    async function submit (path: string, enctype: string) {
      const form = await open(`${evil}/`)
      const answered = form.waitForResponse(response => response.url() === `${own}${path}`)
      await form.evaluate(([action, enctype, body]) => {
        const form = Object.assign(document.createElement('form'), { method: 'post', action, enctype })
        const at = body.indexOf('}]')
        form.append(Object.assign(document.createElement('input'), { name: `${body.slice(0, at)},"id":"`, value: `"${body.slice(at)}` }))
        document.body.append(form)
        form.submit()
      }, [`${own}${path}`, enctype, transfer] as const)
      return (await answered).status()
    }
    for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      t.equal(await submit('/batch', enctype), 415, enctype)
    }
    t.strictSame(transfers, [])
    t.notOk(batches.some(line => line.startsWith('POST application/json')))

    await submit('/transfer', 'application/x-www-form-urlencoded')
    t.strictSame(transfers, ['ada'], 'what any page can do directly, it can: its requests do carry the cookie')
  })
}
