# pixledger in a container: docs/install.md says how it is run. The sources are
# built in the one image, and run in the other; both are Debian of one release.
#
#   docker build -t pixledger --build-arg VERSION=$(.ci/version) --build-arg REVISION=$(.ci/version revision) .
ARG GOLANG=golang:1.26-bookworm
ARG BASE=debian:bookworm-slim

FROM ${GOLANG} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=0.0.0+source
ARG REVISION=unknown
RUN go build -trimpath -buildvcs=false -o /out/pixledger \
      -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" ./cmd/pixledger \
 && install -m 0755 docs/systemd/pixledger-snapshot /out/ \
 && .ci/dist-config /out/pixledger /out/etc \
 # Whoever is let in from outside of the container gives a token.
 && sed -i -e 's|^#console:$|console:|' -e 's|^#  listen: .*|  listen: "0.0.0.0:8420"|' \
      -e 's|^#  token: .*|  token: "${PIXLEDGER_TOKEN}"|' /out/etc/pixledger.yaml \
 && PIXLEDGER_TOKEN=- /out/pixledger catalog check -c /out/etc/pixledger.yaml /out/etc/catalog.yaml

FROM ${BASE}
# The ids are fixed, so that who mounts a folder can give it to this user. The group
# adm reads nginx's logs on Debian.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libstdc++6 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 8420 pixledger \
 && useradd --uid 8420 --gid pixledger --groups adm --no-create-home --home-dir /var/lib/pixledger --shell /usr/sbin/nologin pixledger \
 && install -d -o pixledger -g pixledger -m 0750 /var/lib/pixledger \
 && install -d -o root -g adm -m 0755 /var/log/pixledger
COPY --from=build /out/pixledger /out/pixledger-snapshot /usr/bin/
COPY --from=build /out/etc/ /etc/pixledger/
USER pixledger
# Commands find the configuration here: docker exec NAME pixledger status
WORKDIR /etc/pixledger
VOLUME /var/lib/pixledger
EXPOSE 8420
# It ends by itself within 30 seconds: give it that (docker stop -t 45).
STOPSIGNAL SIGTERM
# Starting ends what a crash cut short, which may take minutes.
HEALTHCHECK --interval=30s --timeout=15s --start-period=5m CMD ["pixledger", "status", "--healthz"]
ENTRYPOINT ["pixledger"]
CMD ["run"]
