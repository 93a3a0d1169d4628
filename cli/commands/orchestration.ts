// The commands that speak with Temporal: their place in the program, and what they call. The work lies in cli/orchestration/.
import type { Command } from 'commander';
import type { Start } from '../command.js';
import { addCancel, type CancelAction } from './cancel.js';
import { addDoctor, type DoctorAction } from './doctor.js';
import { addDown, type DownAction } from './down.js';
import { addPause, type PauseAction } from './pause.js';
import { addPlan, type PlanAction } from './plan.js';
import { addResume, type ResumeAction } from './resume.js';
import { addRun, type RunAction } from './run.js';
import { addSchedule, type ScheduleActions } from './schedule.js';
import { addSet, type SetAction } from './set.js';
import { addUnpause, type UnpauseAction } from './unpause.js';
import { addUp, type UpAction } from './up.js';
import { addWorker, type WorkerAction } from './worker.js';

/** What the commands call. Every action prints through its context and returns the exit code. */
export interface Orchestration {
  readonly up: UpAction;
  readonly down: DownAction;
  readonly doctor: DoctorAction;
  readonly plan: PlanAction;
  readonly run: RunAction;
  readonly resume: ResumeAction;
  readonly pause: PauseAction;
  readonly unpause: UnpauseAction;
  readonly cancel: CancelAction;
  readonly set: SetAction;
  readonly schedule: ScheduleActions;
  readonly worker: WorkerAction;
}

/** `up`, `down`, `doctor`. */
export function addStackCommands(program: Command, start: Start, orchestration: Orchestration): void {
  addUp(program, start, (options, context) => orchestration.up(options, context));
  addDown(program, start, (context) => orchestration.down(context));
  addDoctor(program, start, (context) => orchestration.doctor(context));
}

/** `plan`, `run`, `resume`. */
export function addStartCommands(program: Command, start: Start, orchestration: Orchestration): void {
  addPlan(program, start, (options, context) => orchestration.plan(options, context));
  addRun(program, start, (options, context) => orchestration.run(options, context));
  addResume(program, start, (options, context) => orchestration.resume(options, context));
}

/** `pause`, `unpause`, `cancel`, `set`, `schedule`, `worker`. */
export function addControlCommands(program: Command, start: Start, orchestration: Orchestration): void {
  addPause(program, start, (options, context) => orchestration.pause(options, context));
  addUnpause(program, start, (options, context) => orchestration.unpause(options, context));
  addCancel(program, start, (options, context) => orchestration.cancel(options, context));
  addSet(program, start, (options, context) => orchestration.set(options, context));
  addSchedule(program, start, orchestration.schedule);
  addWorker(program, start, (options, context) => orchestration.worker(options, context));
}
