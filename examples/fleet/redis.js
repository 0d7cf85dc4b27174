// A Redis server for the time of the example, on a free port.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

/** Starts it, in a group of its own, so that Ctrl-C does not end it before those that need it. */
export async function startRedis () {
  const port = await freePort()
  const options = ['--bind', '127.0.0.1', '--port', port, '--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', options, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(server, 'spawn')
  } catch (cause) {
    throw new Error('redis-server is not on PATH. Install it: `apt install redis-server`, or `brew install redis`', { cause })
  }
  process.once('exit', () => { server.kill() })
  await new Promise((resolve, reject) => {
    server.once('exit', code => { reject(new Error(`redis-server ended with ${code}`)) })
    createInterface(server.stdout).on('line', line => { if (line.includes('Ready to accept connections')) resolve() })
  })
  return { server, port }
}

async function freePort () {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}
