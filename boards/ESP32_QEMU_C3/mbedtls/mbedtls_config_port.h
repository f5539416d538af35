#include "../../common/mbedtls_config_port.h"
