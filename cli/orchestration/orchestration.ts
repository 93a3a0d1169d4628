// The orchestration commands, put together for the program.
import type { Orchestration } from '../commands/orchestration.js';
import { cancel, pause, set, unpause } from './control.js';
import { doctor } from './doctor.js';
import { plan } from './plan.js';
import { schedules } from './schedules.js';
import { down, up, worker } from './stack-commands.js';
import { resume, run } from './submit.js';

export const orchestration: Orchestration = {
  up,
  down,
  doctor,
  plan,
  run,
  resume,
  pause,
  unpause,
  cancel,
  set,
  schedule: schedules,
  worker,
};
