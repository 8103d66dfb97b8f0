/**
 * scenario: the language. YAML with places (yaml.ts), the schema assembled from the registries of the other rooms
 * (schema.ts), every mistake told at once (explain.ts, diagnostics.ts), and a scenario with its fleet and policies
 * compiled into what a driver runs (load.ts, compile.ts, and a file for each part: names, windows, workload, timeline,
 * gates, legality).
 * It imports base and the schemas of protocol, workload, router, provider and gates. It reads no files: texts are
 * handed in.
 */
export * from './compile.ts'
export * from './diagnostics.ts'
export * from './explain.ts'
export * from './json-schema.ts'
export * from './kinds.ts'
export * from './load.ts'
export * from './margins.ts'
export * from './schema.ts'
export * from './standing.ts'
export * from './timeline.ts'
export * from './yaml.ts'
