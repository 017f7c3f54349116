import { expect, test } from 'vitest';
import { createAskedListener } from './asked-listener.ts';

test('whoever asks for its port while it is being opened gets the same one', async () => {
  const asked = createAskedListener('127.0.0.1');
  const [one, other] = await Promise.all([asked.listen(), asked.listen()]);
  expect(one).toBeGreaterThan(0);
  expect([other, await asked.listen()]).toEqual([one, one]);
  await asked.stop();
});

test('where the address is nobody’s it says so, and tries anew when asked again', async () => {
  const asked = createAskedListener('192.0.2.77');
  await expect(asked.listen()).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  await expect(asked.listen()).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  await asked.stop();
});
