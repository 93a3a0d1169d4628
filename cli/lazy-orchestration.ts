// The orchestration, loaded when one of its commands is called: commands that only read do not wait for Temporal's client.
import type { Orchestration } from './commands/orchestration.js';

/** An orchestration whose parts `load` brings on the first call. */
export function lazyOrchestration(load: () => Promise<Orchestration>): Orchestration {
  return {
    up: async (options, context) => (await load()).up(options, context),
    down: async (context) => (await load()).down(context),
    doctor: async (context) => (await load()).doctor(context),
    plan: async (options, context) => (await load()).plan(options, context),
    run: async (options, context) => (await load()).run(options, context),
    resume: async (options, context) => (await load()).resume(options, context),
    pause: async (options, context) => (await load()).pause(options, context),
    unpause: async (options, context) => (await load()).unpause(options, context),
    cancel: async (options, context) => (await load()).cancel(options, context),
    set: async (options, context) => (await load()).set(options, context),
    worker: async (options, context) => (await load()).worker(options, context),
    schedule: {
      create: async (options, context) => (await load()).schedule.create(options, context),
      list: async (context) => (await load()).schedule.list(context),
      show: async (id, context) => (await load()).schedule.show(id, context),
      pause: async (id, context) => (await load()).schedule.pause(id, context),
      unpause: async (id, context) => (await load()).schedule.unpause(id, context),
      trigger: async (id, context) => (await load()).schedule.trigger(id, context),
      backfill: async (options, context) => (await load()).schedule.backfill(options, context),
      delete: async (id, context) => (await load()).schedule.delete(id, context),
    },
  };
}
