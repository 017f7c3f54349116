import { createSocket } from 'node:dgram';

/**
 * Sends each question back as its own answer: the least that a name server in Node costs, as node:dgram has neither recvmmsg nor sendmmsg. Says a line once
 * it listens. `node udp-echo.ts <address>`
 */
const RESPONSE = 0x80;
const socket = createSocket({ type: 'udp4', lookup: (host, _options, found) => found(null, host, 4) });
socket.on('message', (message, { port, address }) => {
  message[2] = (message[2] ?? 0) | RESPONSE;
  socket.send(message, port, address);
});
socket.bind(53, process.argv[2], () => console.log('listening'));
