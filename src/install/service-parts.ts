import type { Need } from './trial.ts';

/** A part of a running service, as the installation sees it: whether it lives, whether it is healthy, what it has. */
export type ServicePart = {
  /** Resolves once its thread has answered: until then it is not known to live. */
  readonly alive: () => Promise<void>;
  /** Why it is not healthy, or undefined. `needs`: what it has to have for that. */
  readonly unhealthy: (needs: readonly Need[]) => Promise<string | undefined>;
  readonly has: () => readonly Need[];
  /** Why its server lets it in no more. */
  readonly refused?: () => string | undefined;
};

/** What an agent says of itself; `engine` is undefined until it was asked. */
export type AgentHealth = { readonly engine: boolean | undefined; readonly link: boolean; readonly refused?: string | undefined };

export function agentPart(agent: { readonly alive: () => Promise<void>; readonly health: () => AgentHealth }): ServicePart {
  return {
    alive: agent.alive,
    unhealthy: async (needs) => agentTrouble(agent.health(), needs),
    has: () => agentHas(agent.health()),
    refused: () => agent.health().refused,
  };
}

/** An engine that was missing before, too, is no fault of the release: then it is enough that it was asked. */
export function agentTrouble({ engine, link }: AgentHealth, needs: readonly Need[]): string | undefined {
  if (engine === undefined) return 'the engine has not answered yet';
  if (!engine && needs.includes('engine')) return 'the engine does not answer';
  if (!link && needs.includes('link')) return 'there is no link to the server, and there was one before';
  return undefined;
}

export function agentHas({ engine, link }: AgentHealth): readonly Need[] {
  return [...(engine === true ? (['engine'] as const) : []), ...(link ? (['link'] as const) : [])];
}
