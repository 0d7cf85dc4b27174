// A Redis server that writes down all that it is told, and can be killed and started again.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const program = process.env.PATH.split(delimiter).map(folder => join(folder, 'redis-server')).find(existsSync)

export const hasRedis = program !== undefined

/** Starts the server on a free port. */
export async function startRedis () {
  if (!hasRedis) throw new Error('there is no redis-server on PATH')
  const folder = mkdtempSync(join(tmpdir(), 'redis-'))
  const port = await freePort()
  const options = ['--bind', '127.0.0.1', '--port', port, '--dir', folder, '--appendonly', 'yes', '--save', '']
  let server = await start()
  return {
    port,
    /** Kills it, and starts it again with the data that it had. */
    async restart () {
      await end('SIGKILL')
      server = await start()
    },
    async stop () {
      await end('SIGTERM')
      rmSync(folder, { recursive: true })
    }
  }

  async function start () {
    const server = spawn(program, options, { stdio: ['ignore', 'pipe', 'ignore'] })
    for await (const chunk of server.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      if (chunk.includes('Ready to accept connections')) break
    }
    server.stdout.resume()
    return server
  }

  async function end (signal) {
    const ended = once(server, 'exit')
    server.kill(signal)
    await ended
  }
}

async function freePort () {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
