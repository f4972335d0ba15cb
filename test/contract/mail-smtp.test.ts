import { type AddressInfo, createServer, type Server } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSmtpMail } from '../../api/infra/mail/smtp.ts';

const from = 'Parley <no-reply@example.org>';
const mail = { to: 'ada@example.org', subject: 'Choose a new password', text: 'Open https://chat.example.org/#/x-y_z' };

/** Mails that the server took, and its port. */
const taken: { sender: unknown; receivers: string[]; user: unknown; source: string }[] = [];
const server = new SMTPServer({
  allowInsecureAuth: true,
  hideSTARTTLS: true,
  onAuth: ({ username, password }, _session, done) =>
    password === 'p@ss' ? done(null, { user: username }) : done(new Error('wrong password')),
  onRcptTo: ({ address }, _session, done) => done(address.startsWith('nobody') ? new Error('no such user') : null),
  onData(stream, { envelope, user }, done) {
    let source = '';
    stream.on('data', (chunk: Buffer) => {
      source += chunk;
    });
    stream.on('end', () => {
      const { mailFrom, rcptTo } = envelope;
      taken.push({
        sender: mailFrom ? mailFrom.address : null,
        receivers: rcptTo.map(({ address }) => address),
        user,
        source,
      });
      done();
    });
  },
});
let port: number;

beforeAll(async () => {
  port = await listen(server.server);
});
afterAll(() => new Promise<void>((resolve) => server.close(resolve)));

async function listen(listener: Server): Promise<number> {
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return (listener.address() as AddressInfo).port;
}

const open = (password = 'p%40ss') => createSmtpMail({ url: `smtp://parley:${password}@127.0.0.1:${port}`, from });

describe('mail over SMTP', () => {
  it('reaches the server as it was written, with the sender of the settings', async () => {
    const port = open();
    await port.send(mail);
    port.stop();
    const [sent] = taken.splice(0);
    expect(sent).toMatchObject({ sender: 'no-reply@example.org', receivers: [mail.to], user: 'parley' });
    expect(sent?.source).toContain('From: Parley <no-reply@example.org>');
    expect(sent?.source).toContain(`Subject: ${mail.subject}`);
    expect(sent?.source).toContain('Auto-Submitted: auto-generated');
    expect(sent?.source).toContain(`\r\n\r\n${mail.text}`);
  });

  it('goes to one address, also with texts that look like commands', async () => {
    const port = open();
    const subject = 'Hello\r\nBcc: eve@example.org';
    await port.send({ to: 'ada@example.org', subject, text: 'x\r\n.\r\nMAIL FROM:<eve@example.org>' });
    await port.send({ to: 'zoë@bücher.example', subject: 'Hello', text: 'x' });
    port.stop();
    expect(taken.splice(0).map(({ receivers }) => receivers)).toEqual([
      ['ada@example.org'],
      [expect.stringContaining('zoë@')],
    ]);
  });

  it('fails if the server refuses the receiver or the password', async () => {
    await expect(open().send({ ...mail, to: 'nobody@example.org' })).rejects.toThrow('no such user');
    await expect(open('wrong').send(mail)).rejects.toThrow('wrong password');
    expect(taken).toEqual([]);
  });

  it('fails in a bounded time if nobody listens or nobody responds', async () => {
    const silent = createServer(() => {});
    const silentPort = await listen(silent);
    const waiting = createSmtpMail({ url: `smtp://127.0.0.1:${silentPort}`, from }).send(mail);
    await expect(waiting).rejects.toThrow('Greeting never received');
    silent.close();
    await expect(createSmtpMail({ url: `smtp://127.0.0.1:${silentPort}`, from }).send(mail)).rejects.toThrow(
      'ECONNREFUSED',
    );
  });
});
