// What it takes to run another server in Java, for packages that do: jars, processes, ports.
export { down, runCommand, status, up } from './background.ts';
export type { BackgroundServer } from './background.ts';
export { startGuard } from './guard.ts';
export { findInstallation } from './installation.ts';
export type { Installation } from './installation.ts';
export { jvmStarter } from './jvm.ts';
export type { Jvm } from './jvm.ts';
export { LocalKafkaError } from './local-kafka-error.ts';
export { readCause } from './log-excerpt.ts';
export { findFreePorts, requireFreePorts } from './ports.ts';
export { commandLine, isStopped } from './process-table.ts';
export type { Product } from './product.ts';
