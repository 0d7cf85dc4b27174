// The app of the conformance suite, for the workers of a process pool.
import Fastify, { type FastifyInstance } from 'fastify'
import batch from '../../lib/index.ts'
import { conformanceApp } from './conformance-app.ts'

export default function build (): FastifyInstance {
  const app = Fastify()
  app.register(conformanceApp)
  app.register(batch)
  return app
}
