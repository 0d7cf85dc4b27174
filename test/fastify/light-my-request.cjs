'use strict'
// Stands in for light-my-request: its interface, its reading of options, and the request, response and socket of the
// direct dispatcher. For the tests of Fastify alone.
const { Readable } = require('node:stream')
const setCookie = require('set-cookie-parser')
const { createRequest, completeRequest } = require('../../dist/dispatch/direct-request.js')
const { createResponse, headOf } = require('../../dist/dispatch/direct-response.js')
const { DirectSocket } = require('../../dist/dispatch/direct-socket.js')

const { ORIGINAL } = process.env
const original = require(ORIGINAL)
const OptionReader = require(ORIGINAL.replace(/index\.js$/, 'lib/request.js'))
const validate = require(ORIGINAL.replace(/index\.js$/, 'lib/config-validator.js'))

function dispatch (routing, given, callback) {
  const options = typeof given === 'string' ? { url: given } : given
  if (options.validate !== false && !validate(options)) throw new Error(validate.errors.map(error => error.message))
  const read = new OptionReader(options)
  const { payload } = read._lightMyRequest
  if (typeof payload?.on !== 'function') return start(routing, read, options, payload, callback)

  const chunks = []
  payload.on('data', chunk => { chunks.push(Buffer.from(chunk)) })
  payload.on('error', callback)
  payload.on('end', () => { start(routing, read, options, Buffer.concat(chunks), callback) })
  payload.resume?.()
}

function start (routing, read, options, payload, callback) {
  const { method, url, headers, rawHeaders } = read
  const once = callOnce(callback)
  const socket = new DirectSocket({ remoteAddress: read.socket.remoteAddress }, Infinity, {
    onEnd: answered => {
      // As late as light-my-request answers.
      process.nextTick(() => { answered ? once(null, toAnswer(request, response, socket)) : once(failure(response)) })
    }
  })
  const request = createRequest({ method, url, headers: {}, body: undefined }, socket)
  request._addHeaderLines(rawHeaders, rawHeaders.length)
  request.headers = headers
  const response = createResponse(request, socket, options.server ?? {})
  response.once('error', once)
  socket.request = request
  options.signal?.addEventListener('abort', () => { socket.destroy(options.signal.reason) })
  routing.call(options.server, request, response)
  if (read._lightMyRequest.simulate.error) process.nextTick(() => { request.emit('error', new Error('Simulated')) })
  else completeRequest(request, payload ? Buffer.from(payload) : undefined)
}

function failure (response) {
  const error = new Error('response destroyed before completion')
  error.code = 'LIGHT_ECONNRESET'
  return response.errored ?? error
}

function callOnce (callback) {
  let called = false
  return (...args) => {
    if (called) return
    called = true
    callback(...args)
  }
}

function toAnswer (request, response, socket) {
  const { status, reason, headers } = headOf(response)
  for (const name of ['Date', 'Connection', 'Transfer-Encoding']) {
    const line = new RegExp(`\\r\\n${name}: ([^\\r]*)\\r\\n`).exec(response._header)
    if (line !== null) headers[name.toLowerCase()] = line[1]
  }
  const rawPayload = socket.read()
  const payload = rawPayload.toString()
  return {
    raw: { req: request, res: response },
    statusCode: status,
    statusMessage: reason,
    headers: { ...headers },
    trailers: toTrailers(response._trailer),
    rawPayload,
    payload,
    body: payload,
    json: () => JSON.parse(payload),
    stream: () => Readable.from([rawPayload]),
    get cookies () { return setCookie.parse(this) }
  }
}

function toTrailers (text) {
  const lines = text.split('\r\n').filter(line => line !== '').map(line => line.split(/: ?(.*)/s))
  return Object.fromEntries(lines.map(([name, value]) => [name.toLowerCase().trim(), value.trim()]))
}

// The chain and the promise are light-my-request's own.
module.exports = function inject (routing, options, callback) {
  if (callback !== undefined) return dispatch(routing, options, callback)
  const chain = original(() => {}, { url: '/', autoStart: false })
  chain.option = typeof options === 'string' ? { url: options } : { ...options }
  const run = () => new Promise((resolve, reject) => {
    dispatch(routing, chain.option, (error, answer) => { error ? reject(error) : resolve(answer) })
  })
  chain.end = callback => {
    if (chain._hasInvoked || chain._promise) throw new Error('The dispatch function has already been invoked')
    chain._hasInvoked = true
    if (typeof callback === 'function') return dispatch(routing, chain.option, callback)
    chain._promise = run()
    return chain._promise
  }
  for (const method of ['then', 'catch', 'finally']) {
    chain[method] = (...args) => {
      chain._promise ??= run()
      chain._hasInvoked = true
      return chain._promise[method](...args)
    }
  }
  if (options?.autoStart !== false) process.nextTick(() => { if (!chain._hasInvoked) chain.end() })
  return chain
}
Object.assign(module.exports, original, { default: module.exports, inject: module.exports })
