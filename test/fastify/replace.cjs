'use strict'
// Loaded before a test of Fastify: whoever asks for light-my-request gets what stands in for it.
const Module = require('node:module')
const { join } = require('node:path')

const original = Module._resolveFilename
const path = require.resolve('light-my-request', { paths: [require.resolve('fastify')] })
process.env.ORIGINAL = path
const replacement = join(__dirname, 'light-my-request.cjs')
Module._resolveFilename = function (request, ...rest) {
  return request === 'light-my-request' ? replacement : original.call(this, request, ...rest)
}
