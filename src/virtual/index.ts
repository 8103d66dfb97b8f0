/**
 * virtual: the driver that owns virtual time. It jumps to the earliest wake of any Machine, delivers, and repeats;
 * synchronous, with no timers and no sockets. The wires are lists: what one Machine pushes, another is handed at the
 * same instant, in an order that is declared once (world.ts).
 * It imports the Machines and the compiled scenario, and knows no dialect.
 */
export * from './world.ts'
