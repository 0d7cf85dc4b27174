// The app of the worker: that of every plugin of this folder, in a context of its own.
import { readdirSync } from 'node:fs'
import Fastify, { type FastifyInstance } from 'fastify'
import batch from '../../lib/index.ts'
import type { RedisAddress } from '../fixtures/redis.ts'
import type { PluginTest } from './everywhere.ts'

/** The plugins: what their packages are called behind `@fastify/`. */
export const names = readdirSync(new URL('.', import.meta.url))
  .filter(file => !/^(everywhere|worker-app|.*\.test)\.ts$/.test(file))
  .map(file => file.replace(/\.ts$/, ''))

export async function pluginTest (name: string): Promise<PluginTest> {
  return (await import(`./${name}.ts`)).default
}

export default async function build (redis: RedisAddress | undefined): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(batch)
  for (const name of names) {
    const plugin = await pluginTest(name)
    await app.register(async context => plugin.app(context, redis))
  }
  return app
}
