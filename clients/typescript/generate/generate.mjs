/** Writes src/api.gen.ts from ../openapi.json, which go generate in ../go cuts out of the server's document. */
import { readFile, writeFile } from 'node:fs/promises'
import openapiTS, { astToString } from 'openapi-typescript'

const document = new URL('../../openapi.json', import.meta.url)
const { paths } = JSON.parse(await readFile(document, 'utf8'))
const all = Object.entries(paths).flatMap(([path, item]) => Object.entries(item).map(([method, one]) => ({ path, method, ...one })))
const calls = all.map(one => `  ${one.operationId}: ['${one.method.toUpperCase()}', '${one.path}'],`)
const told = all.map(one => `  /** ${one.summary}. ${one.description} */\n  ${one.operationId}: Call<'${one.operationId}'>`)
await writeFile(new URL('../src/api.gen.ts', import.meta.url), `// Made by openapi-typescript from docs/openapi.json: npm run generate.
import type { Call } from './call.js'

${astToString(await openapiTS(document))}
/** Method and path of each call. */
export const calls = {
${calls.join('\n')}
} as const

/** The calls as the client has them. */
export interface Calls {
${told.join('\n')}
}
`)
