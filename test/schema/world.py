"""What the run goes against: a server of its own, and a receiver of its webhooks."""

import http.server
import os
import queue
import re
import socket
import subprocess
import threading


class Server:
    """A server with a folder of its own, until it is stopped."""

    def __init__(self, program, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        self.base = "http://" + self.address
        env = {k: v for k, v in os.environ.items() if not k.startswith("KEFU_")}
        command = [program, "serve", "--listen", self.address, "--data", folder, "--outbound-allow", "127.0.0.0/8", "--legacy-push-mode", "token"]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.log, self.link = [], queue.Queue()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.log = self.log[-2000:] + [line]
            found = re.search(r"/setup#(\S+)", line)
            if found:
                self.link.put(found.group(1))

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.reader.join(timeout=10)


class Receiver:
    """Takes whatever webhooks send it; came has the paths, in order."""

    def __init__(self):
        self.came = came = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(204)
                self.end_headers()
                came.put(self.path)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
