// Every attack, over every executor with every dispatcher that it has. They are started once.
import './attacks/requests.ts'
import './attacks/handlers.ts'
