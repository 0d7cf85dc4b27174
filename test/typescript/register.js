// Lets Node.js run the TypeScript of this project, which only erases, for a fraction of what a compiler would cost.
import { register } from 'node:module'

register('./hooks.js', import.meta.url)
