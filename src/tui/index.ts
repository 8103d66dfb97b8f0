/**
 * tui: what a person sees while a run is going. A pure view-model is folded from ledger entries (view-model.ts), Ink
 * components only draw it (components/), and openScreen ties both to a terminal; elsewhere progressLine says the same
 * in one line. It imports base, ledger, gates and Ink. It never looks into the router or a provider, never decides
 * anything about the run, and asks for what the keys want through Controls.
 */
export type { Controls } from './components/keys.ts'
export { progressLine } from './progress-line.ts'
export { openScreen, type OpenScreenOptions, type ScreenHandle } from './screen.tsx'
export { ViewModel, type ViewModelOptions } from './view-model.ts'
export type { Gauge, RunState, Screen, TwinTotals, Update } from './view-model/screen.ts'
