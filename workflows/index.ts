// The workflow types that workers register.
export { guardWorkflow } from './guard.js';
export { leaseWorkflow } from './lease.js';
export { partitionWorkflow } from './partition.js';
export { runWorkflow } from './run.js';
export { scheduledRun } from './scheduled-run.js';
export { stageWorkflow } from './stage.js';
export { suiteWorkflow } from './suite.js';
