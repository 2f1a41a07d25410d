export { createBudget } from './budget.ts';
export type { ByteBudget } from './budget.ts';
export { createPool } from './pool.ts';
export type { Pool } from './pool.ts';
export { bytesInWork, processors } from './machine.ts';
