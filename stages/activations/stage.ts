// The activations stage: tokens of a shard through the model, the wanted sites' vectors into tables.
import type { ActivationsConfig, ActivationsInputs } from './config.js';
import type { Stage } from '../stage.js';
import { ACTIVATIONS_VERSION } from './plan.js';
import { runActivations } from './run.js';

export const activationsStage: Stage<ActivationsConfig, ActivationsInputs> = {
  name: 'activations',
  version: ACTIVATIONS_VERSION,
  run: runActivations,
};
