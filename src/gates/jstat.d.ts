/** As much of jstat as is used; it brings no types. */
declare module 'jstat' {
  interface Distribution {
    /** The quantile: the value below which a share of `p` lies. */
    inv(p: number, ...parameters: readonly number[]): number
  }
  const jstat: { readonly jStat: { readonly normal: Distribution; readonly studentt: Distribution } }
  export default jstat
}
