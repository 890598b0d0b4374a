package api

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gengheng/internal/access"
)

// meters count the requests of a service.
type meters struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	page     http.Handler
}

// newMeters registers what requests are counted by, and makes the page that
// shows all of the registry.
func newMeters(registry *prometheus.Registry) (*meters, error) {
	m := &meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gengheng_http_requests_total",
			Help: "请求数，按契约中的操作和状态码 · Requests by operation of the contract and status."}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gengheng_http_request_seconds",
			Help: "请求用时（秒） · How long requests took, in seconds.",
			// 0.01 and 0.06 are what a what-if is held to at the median and at 99 %
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.06, 0.1, 0.25, 0.5, 1, 2.5, 10, 60}}, []string{"operation"}),
		page: promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of requests: %w", err)
		}
	}
	return m, nil
}

// operationKey is where a request keeps its operation for the meters.
const operationKey = "operation"

// notOfTheContract is the operation of a request that no route stands for. What a
// request says of itself is never a label: paths name parcels, and anybody could
// make up any number of them.
const notOfTheContract = "other"

// otherRoutes are those beside the contract.
var otherRoutes = []string{"/healthz", "/readyz", "/metrics", "/docs", "/", "/icon.svg", "/assets/*", "/auth/login", "/auth/callback", "/auth/logout", base + "/openapi.yaml"}

// count is the middleware that counts. It stands outside of the one that writes
// errors, so that it sees the status that was sent.
func (m *meters) count(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begin := time.Now()
		err := next(c)
		operation, ok := c.Get(operationKey).(string)
		if !ok {
			operation = notOfTheContract
			if slices.Contains(otherRoutes, c.Path()) {
				operation = c.Path()
			}
		}
		m.requests.WithLabelValues(operation, strconv.Itoa(c.Response().Status)).Inc()
		m.seconds.WithLabelValues(operation).Observe(time.Since(begin).Seconds())
		return err
	}
}

// metrics shows the figures to this machine and to those in metricsRoles.
func (s *server) metrics(c echo.Context) error {
	if !s.fromHere(c.Request()) {
		p, via, _, err := s.identify(c)
		if err != nil {
			return err
		}
		may := slices.ContainsFunc(p.Capacities, func(held access.Capacity) bool { return slices.Contains(metricsRoles, held.Role) })
		if !may && via != viaOpen {
			return forbidden("role", fmt.Sprintf("%s 没有可查看运行指标的角色；可查看的角色：%s。 This role may not see the metrics.", p.Name, strings.Join(names(metricsRoles), "、")))
		}
	}
	s.meters.page.ServeHTTP(c.Response(), c.Request())
	return nil
}

// fromHere tells whether a request comes from a program on this machine, and not
// through a proxy that stands on it: one that the service knows of has given it a
// public address, and one that it does not know of says for whom it asks.
func (s *server) fromHere(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	public, err := url.Parse(s.publicURL)
	return err == nil && (public.Host == "" || loopbackHost(public.Host)) && ip != nil && ip.IsLoopback() && loopbackHost(r.Host) &&
		!slices.ContainsFunc([]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"}, func(h string) bool { return r.Header.Get(h) != "" })
}
