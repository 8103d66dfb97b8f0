/** What a measured server process says to the benchmark: its port, and its CPU time whenever it is asked. */
export type FromServer = { readonly port: number } | { readonly cpuMicros: number; readonly rss: number }

export function standing(port: number): void {
  process.send?.({ port } satisfies FromServer)
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuMicros: user + system, rss: process.memoryUsage.rss() } satisfies FromServer)
  })
  process.on('disconnect', () => process.exit())
}
